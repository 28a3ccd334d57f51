"""What several transactions have in common: certificate, disease, diagnoses, fee lines."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final, cast

from yikatong.core.errors import InvalidInput
from yikatong.core.money import format_yuan
from yikatong.medical.hospital_api import codes
from yikatong.medical.hospital_api.fields import MISSING, Wrong, check_diagnosis
from yikatong.medical.hospital_api.forms import Node, Values
from yikatong.medical.visits.model import Diagnosis, FeeLine
from yikatong.medical.visits.orders import Certificate, Split

LINE_TOTAL_TOLERANCE: Final = 5
"""Fen by which quantity × price may miss a line's total: prices are rounded."""
ALL_LINES: Final = "0000"
"""Instead of a batch or a line's number: everything that is not settled."""

NUMBER_LENGTH_MAX: Final = 50
"""Of a certificate's number; the code of an e-card is longer."""
DIAGNOSES_MAX: Final = 50
"""Diagnoses of one visit."""

_KINDS: Final = cast("dict[str, Any]", codes.CERTIFICATE_KIND)


def certificate(data: Values, where: str) -> Certificate | None:
    """What the person showed; None where no number is given."""
    kind, number = data.get("mdtrt_cert_type"), data.get("mdtrt_cert_no")
    if number is None:
        return None
    if kind is None:
        raise InvalidInput(f"{where}.mdtrt_cert_type", *MISSING)
    if kind != "01" and len(number) > NUMBER_LENGTH_MAX:
        raise InvalidInput(
            f"{where}.mdtrt_cert_no",
            zh=f"证件号码最多 {NUMBER_LENGTH_MAX} 个字符，收到 {len(number)} 个",
            en=f"at most {NUMBER_LENGTH_MAX} characters for this certificate, but {len(number)} came",
        )
    if kind == "02":
        number = number.upper()
    return Certificate(_KINDS[kind], number, data.get("card_sn"))


def shown(what: Certificate | None) -> dict[str, Any]:
    """What kind of certificate was shown, among a visit's details; its number is not kept."""
    return {} if what is None else {"certificate": what.kind}


def disease(data: Values) -> str | None:
    """The disease of a visit: the project's name of a known code, else the name or code given."""
    code = data.get("dise_codg")
    if code in codes.DISEASES.entries:
        return codes.DISEASES.entries[code].zh
    return data.get("dise_name") or code


def split(data: Values) -> Split:
    """How the provider splits the bill, where it says so."""
    return Split(
        self_paid=data.get("fulamt_ownpay_amt"),
        over_limit=data.get("overlmt_selfpay"),
        first_pay=data.get("preselfpay_amt"),
        in_scope=data.get("inscp_scp_amt"),
    )


def flag(data: Values, name: str) -> bool:
    """Whether a flag is 1; absent is 0."""
    return data.get(name) == "1"


def same(values: Values, where: str, name: str, other: Any, other_name: str) -> None:
    """Refuse a field that repeats another one, but says something else."""
    if name in values and values[name] != other:
        raise InvalidInput(
            f"{where}.{name}",
            zh=f"与 {other_name} 不一致：{values[name]}，{other}",
            en=f"does not agree with {other_name}: {values[name]}, {other}",
        )


def diagnoses(
    rows: Sequence[Values], where: str, about: Values, *, main_needed: bool
) -> tuple[Diagnosis, ...]:
    """The diagnoses that are valid, each code checked for the form that its kind asks for.

    Where no row says which is the main one, the first western one is, or else the first disease of
    Chinese medicine.
    """
    valid: list[tuple[int, Values]] = []
    for index, row in enumerate(rows):
        here = f"{where}[{index}]"
        for name in ("psn_no", "mdtrt_id"):
            if name in about:
                same(row, here, name, about[name], name)
        try:
            check_diagnosis(row["diag_type"], row["diag_code"])
        except Wrong as wrong:
            raise InvalidInput(f"{here}.diag_code", wrong.zh, wrong.en) from None
        if row.get("vali_flag") != "0":
            valid.append((row.get("diag_srt_no", index + 1), row))
    valid.sort(key=lambda one: one[0])
    flagged = any("maindiag_flag" in row for _, row in valid)
    first = None if flagged else _first([row for _, row in valid])
    found = tuple(
        Diagnosis(
            kind=row["diag_type"],
            code=row["diag_code"],
            name=row["diag_name"],
            order=order,
            main=flag(row, "maindiag_flag") if flagged else row is first,
            doctor=row.get("dise_dor_name") or row.get("dise_dor_no") or "",
            department=row.get("diag_dept", ""),
        )
        for order, row in valid
    )
    if main_needed and not any(one.main for one in found):
        raise InvalidInput(
            where,
            zh="至少需要一条有效的主诊断（maindiag_flag 为 1；没有该项时为西医诊断或中医主病诊断）",
            en="at least one valid main diagnosis is needed (maindiag_flag 1; without that field a "
            "western diagnosis or a disease of Chinese medicine)",
        )
    return found


def _first(rows: list[Values]) -> Values | None:
    for kind in ("1", "2"):
        for row in rows:
            if row["diag_type"] == kind:
                return row
    return None


LINE_DETAILS: Final = (
    "dise_codg rxno rx_circ_flag drord_no medins_list_codg sin_dos_dscr used_frqu_dscr prd_days "
    "medc_way_dscr bilg_dept_codg bilg_dept_name bilg_dr_codg bilg_dr_name acord_dept_codg "
    "acord_dept_name orders_dr_code orders_dr_name tcmdrug_used_way etip_flag "
    "etip_hosp_code dscg_tkdrug_flag matn_fee_flag memo"
)
"""What is kept of a line beside its amounts, where the transaction has the field."""


def kept_of_line(fields: str) -> str:
    """The details among a line's fields."""
    names = {one.rstrip("!") for one in fields.split()}
    return " ".join(one for one in LINE_DETAILS.split() if one in names)


def lines(node: Node, rows: Sequence[Values], *, alike: tuple[str, ...]) -> tuple[FeeLine, ...]:
    """The fee lines of one upload; `alike` fields must be the same in all of them."""
    found: list[FeeLine] = []
    numbers: dict[str, int] = {}
    first = rows[0]
    for index, row in enumerate(rows):
        where = f"{node.name}[{index}]"
        for name in alike:
            same(row, where, name, first[name], f"{node.name}[0].{name}")
        before = numbers.setdefault(row["feedetl_sn"], index)
        if before != index:
            raise InvalidInput(
                f"{where}.feedetl_sn",
                zh=f"流水号 {row['feedetl_sn']} 与 {node.name}[{before}] 重复",
                en=f"line number {row['feedetl_sn']} already stands in {node.name}[{before}]",
            )
        found.append(_line(node, row, where))
    return tuple(found)


def _line(node: Node, row: Values, where: str) -> FeeLine:
    total, quantity, price = row["det_item_fee_sumamt"], row["cnt"], row["pric"]
    product = Decimal(quantity) * Decimal(price)
    taken_back = quantity.startswith("-")
    if abs(product * 100 - total) > LINE_TOTAL_TOLERANCE or (
        total > 0 if taken_back else total < 0
    ):
        raise InvalidInput(
            f"{where}.det_item_fee_sumamt",
            zh=f"det_item_fee_sumamt {format_yuan(total)} 与 cnt {quantity} × pric {price} = "
            f"{product.normalize():f} 相差超过 0.05 元",
            en=f"det_item_fee_sumamt {format_yuan(total)} differs from cnt {quantity} × pric "
            f"{price} = {product.normalize():f} by more than 0.05 yuan",
        )
    gives_back = row.get("init_feedetl_sn")
    if taken_back != (gives_back is not None):
        raise (
            _not_given_back(where)
            if taken_back
            else InvalidInput(
                f"{where}.init_feedetl_sn",
                zh="只有负数明细（退费）才填写被退的流水号",
                en="only a negative line names the line that it gives back",
            )
        )
    return FeeLine(
        number=row["feedetl_sn"],
        item=row["med_list_codg"],
        total=total,
        quantity=quantity,
        price=price,
        at=row["fee_ocur_time"],
        self_pay=row.get("hosp_appr_flag") == codes.TREAT_AS_SELF_PAID,
        gives_back=gives_back,
        details=node.details(row),
    )


def _not_given_back(where: str) -> InvalidInput:
    return InvalidInput(
        f"{where}.init_feedetl_sn",
        zh="负数明细（退费）须填写被退的流水号；药店退货请用 2103 撤销结算",
        en="a negative line must name the line that it gives back; a pharmacy reverses the sale (2103)",
    )

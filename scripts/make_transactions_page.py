"""Make `docs/reference/hospital-transactions.md` from the forms and code tables themselves.

Run: python scripts/make_transactions_page.py
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from yikatong.medical.hospital_api.codes import TABLES, Codes
from yikatong.medical.hospital_api.dictionary import FIELDS, Field
from yikatong.medical.hospital_api.transactions import SHAPES
from yikatong.medical.hospital_api.transactions.settlement import FeeResult, SetlDetail, SetlInfo
from yikatong.medical.hospital_api.transactions.shape import Shape
from yikatong.medical.visits.orders import LINES_MAX

PAGE: Final = Path(__file__).parents[1] / "docs" / "reference" / "hospital-transactions.md"

_HEAD: Final = f"""# The hospital interface: transactions

<!-- Made by scripts/make_transactions_page.py from the code; change it there. -->

What stands in `input` and `output` of each transaction, and the code tables. Codes, lengths and titles
marked (r) were taken from clients seen in the field, not from the official text.

## How values are read

- `null`, `"null"`, `""` and blanks are an absent field. Fields that are not listed are ignored.
- A list may be sent as its only object. A list holds at most 50 rows, of fee lines {LINES_MAX}.
- **amount**: yuan, as a JSON number or a text, at most two decimals (zeros behind them do no harm), no
  exponent; not negative but for `det_item_fee_sumamt`. Answered as a number with two decimals.
- **quantity** has at most 4 decimals, **price** 6. **rate** is a number from 0 to 1.
- **time** is `yyyy-MM-dd HH:mm:ss`, **date** `yyyy-MM-dd`, **month** `yyyyMM`, in Beijing time.
- **number**: what this platform gave out (`psn_no`, `mdtrt_id`, `setl_id`, …), as a text of digits.
- **region**: six digits of GB/T 2260. **diagnosis**: ICD-10 (`J18.9`, `J18.900`, `I10.x00x002`,
  `A17.000+G01*`) where `diag_type` is 1, GB/T 15657 (`BNG010`, `A17.41`, `B04.02.01`) where it is 2 or 3.
- A whole number is taken for a text or a code. Texts are trimmed. The null character is refused.
- An error names the field: `data.psn_no`, `feedetail[0].cnt` (rows count from 0).
- Phone numbers, addresses and agents' papers are checked for form and not kept.
- `dise_codg`: a code that is not in the table is taken with its `dise_name`.

In answers, what is not known is null. `rvs_flag` of 2601 is this platform's own.
"""

_REVERSED: Final = (
    "Out: the settlement with every amount negated; `balc` is the balance after the reversal."
)
_NOTES: Final = {
    "1101": "`card_sn` is required where `mdtrt_cert_type` is 03. `psn_name`, and `certno` of a resident id "
    "card, are compared where given.",
    "2001": "`fixmedins_code`, where given, is the caller's own. Without `begntime` it is asked of today. "
    "`begndate`: since when the insurance gives benefits. Where the fund's cap of the year is used up, it "
    "is not enjoyed.",
    "2101": "As 2102; `setl_id` and `mdtrt_id` are null in the answer.",
    "2102": "Lines are never negative; a sale is taken back whole (2103).",
    "2103": _REVERSED,
    "2203": "Without `maindiag_flag` the first western diagnosis, or else the first disease of Chinese "
    "medicine, by `diag_srt_no`, is the main one. Rows with `vali_flag` 0 are left out.",
    "2204": "`cnt` × `pric` may miss `det_item_fee_sumamt` by 0.05 yuan. All rows have one `mdtrt_id`, "
    "`psn_no` and `chrg_bchno` (not `0000`), each `feedetl_sn` once. A negative row, and no other, names "
    "in `init_feedetl_sn` the line it gives back. `hosp_appr_flag` 2: the line is self-paid.",
    "2205": "`chrg_bchno` `0000`: everything that is not settled.",
    "2206": "Without `chrg_bchno`: all lines that are not settled. `setl_id` is null in the answer.",
    "2207": "Without `chrg_bchno`: all lines that are not settled. The split, where given, is compared.",
    "2208": _REVERSED,
    "2301": "As 2204, without a batch.",
    "2302": "`feedetl_sn` `0000`: everything that is not settled.",
    "2303": "`setl_id` is null in the answer.",
    "2305": _REVERSED,
    "2402": "At least one main diagnosis (`maindiag_flag` 1).",
    "2403": "What is absent stays as it was.",
    "2505": "Without `fixmedins_code`: the caller. `trt_dcla_detl_sn` stands beside `result`, too.",
    "2506": "Without `fixmedins_code`: the caller.",
    "5206": "The policy year in which the month lies, by default this one; `cum_ym` in the answer: up to when "
    "the figures stand.",
    "2601": "Succeeds too where there was nothing to reverse, or where it was taken back already: `rvs_flag` "
    "0. What takes something back itself (2103, 2202, 2205, 2208, 2302, 2305, 2404, 2405, 2502, 2506) is "
    "not reversed, and that it was carried out is said: send the same message again for its answer.",
}
_SHARED: Final[dict[type[msgspec.Struct], tuple[str, str]]] = {
    SetlInfo: ("SETLINFO", "the settlement record"),
    SetlDetail: (
        "SETLDETAIL",
        "what one fund pays (`crt_payb_lmt_amt`: `fund_payamt` where no cap is known)",
    ),
    FeeResult: ("FEERESULT", "the split of a fee line"),
}


def _meaning(field: Field) -> str:
    return field.word.replace("_", " ")


def _kind(field: Field) -> str:
    if field.codes is None:
        return field.kind
    name = field.codes.name
    whole = next(table for table in TABLES if table.name == name)
    link = f"[code](#{_anchor(name)})"
    if field.codes.entries.keys() == whole.entries.keys():
        return link
    return f"{link}: {', '.join(field.codes.entries)}"


def _anchor(name: str) -> str:
    return name.strip("…").lstrip("_")


def _inputs(shape: Shape) -> Iterator[str]:
    for node in shape.form.nodes:
        many = " (list)" if node.rows_max else ""
        optional = "" if node.needed else ", may be absent"
        yield f"\nIn `{node.name}`{many}{optional}:\n"
        yield "| field | 名称 | | required | type | length |"
        yield "|---|---|---|---|---|---|"
        for field in node.fields:
            required = "yes" if field.name in node.required else ""
            yield (
                f"| `{field.name}` | {field.title} | {_meaning(field)} | {required} "
                f"| {_kind(field)} | {field.length} |"
            )


def _outputs(shape: Shape) -> Iterator[str]:
    if not shape.outputs:
        yield "\nOut: an empty object."
    for one in shape.outputs:
        many = " (list)" if one.many else ""
        if one.body in _SHARED:
            name, _ = _SHARED[one.body]
            yield f"\nOut `{one.name}`{many}: [{name}](#{name.lower()})"
            continue
        yield f"\nOut `{one.name}`{many}:\n"
        yield from _told(one.body)


def _told(body: type[msgspec.Struct]) -> Iterator[str]:
    yield "| field | 名称 | | type |"
    yield "|---|---|---|---|"
    for name in body.__struct_fields__:
        field = FIELDS[name]
        yield f"| `{name}` | {field.title} | {_meaning(field)} | {_kind(field)} |"


def _table(table: Codes) -> Iterator[str]:
    mark = " (r)" if table.recalled else ""
    yield f"\n### {_anchor(table.name)}\n"
    if mark:
        yield "(r)\n"
    yield "| code | 名称 | |"
    yield "|---|---|---|"
    for code, text in table.entries.items():
        yield f"| `{code}` | {text.zh} | {text.en} |"


def _lines() -> Iterator[str]:
    yield _HEAD
    yield "| | | |"
    yield "|---|---|---|"
    for code, shape in sorted(SHAPES.items()):
        title = shape.transaction.title
        yield f"| [{code}](#{code}) | {title.zh} | {title.en} |"
    for code, shape in sorted(SHAPES.items()):
        title = shape.transaction.title
        yield f'\n<a id="{code}"></a>\n\n## {code} {title.zh} – {title.en}'
        if code in _NOTES:
            yield f"\n{_NOTES[code]}"
        yield from _inputs(shape)
        yield from _outputs(shape)
    for body, (name, what) in _SHARED.items():
        yield f'\n<a id="{name.lower()}"></a>\n\n## {name}, {what}\n'
        yield from _told(body)
    yield "\n## Code tables"
    for table in TABLES:
        yield from _table(table)


def page() -> str:
    """The whole page."""
    return "\n".join(_lines()) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{PAGE}: {len(SHAPES)} transactions, {len(TABLES)} code tables")

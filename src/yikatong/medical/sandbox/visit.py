"""One person's visit at a provider, transaction by transaction, as a hospital's system does it."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from yikatong.medical.sandbox.client import Hospital, Refused, Unknown


@dataclass(frozen=True)
class Shown:
    """What the person shows at the counter: a card (03), or the id card (02)."""

    name: str
    id_number: str
    card_number: str | None = None
    card_identifier: str | None = None

    def certificate(self) -> dict[str, Any]:
        """The fields that name it."""
        if self.card_number is None:
            return {"mdtrt_cert_type": "02", "mdtrt_cert_no": self.id_number}
        return {"mdtrt_cert_type": "03", "mdtrt_cert_no": self.card_number}


@dataclass(frozen=True)
class Item:
    """A line of the bill: what, how many, at which price in yuan."""

    code: str
    price: Decimal
    count: int = 1

    @property
    def total(self) -> Decimal:
        return self.price * self.count


class Visit:
    """A visit from the first question to the settlement. Lines that were sent are kept, so that the
    total told at the settlement is their sum."""

    def __init__(self, hospital: Hospital, shown: Shown, *, days: int = 0) -> None:
        """`days`: how long ago it began."""
        self.hospital = hospital
        self.shown = shown
        self.now = hospital.now()
        self.begun = self.now - timedelta(days=days, minutes=10)
        self.unsettled = Decimal(0)
        self.psn_no = ""
        self.insurance = ""
        self.insured_region = ""
        self.visit_id = ""
        self.settlements: list[str] = []
        self._lines = 0

    def ask(self, infno: str, data: dict[str, Any]) -> dict[str, Any]:
        """Any transaction about this person."""
        return self.hospital.call(infno, data, insured_region=self.insured_region)

    def identify(self) -> dict[str, Any]:
        """1101, before everything: the person's number, insurance and insured region."""
        shown = self.shown
        data = {
            **shown.certificate(),
            "card_sn": shown.card_identifier or "",
            "begntime": _time(self.begun),
            "psn_cert_type": "01",
            "certno": shown.id_number,
            "psn_name": shown.name,
        }
        output = self.ask("1101", {"data": data})
        self.psn_no = output["baseinfo"]["psn_no"]
        if insured := output["insuinfo"]:
            self.insurance = insured[0]["insutype"]
            self.insured_region = insured[0]["insuplc_admdvs"]
        return output

    def check(self, med_type: str) -> dict[str, Any]:
        """2001: which benefits the person has here, and why not."""
        data = {
            "psn_no": self.psn_no,
            "insutype": self.insurance,
            "fixmedins_code": self.hospital.account.provider_code,
            "med_type": med_type,
            "begntime": _time(self.begun),
        }
        return self.ask("2001", {"data": data})

    # ---- outpatient ----

    def register(self) -> dict[str, Any]:
        """2201."""
        data = {
            "psn_no": self.psn_no,
            "insutype": self.insurance,
            "begntime": _time(self.begun),
            **self.shown.certificate(),
            "ipt_otp_no": f"MZ{self.now:%Y%m%d%H%M%S}",
            "atddr_no": "D510100000001",
            "dr_name": "王医生",
            "dept_code": "A03",
            "dept_name": "内科",
            "caty": "A03",
        }
        output = self.ask("2201", {"data": data})
        self.visit_id = output["data"]["mdtrt_id"]
        return output

    def see(self, med_type: str = "11") -> dict[str, Any]:
        """2203: the kind of care and the diagnoses."""
        data = {
            "mdtrt_id": self.visit_id,
            "psn_no": self.psn_no,
            "med_type": med_type,
            "begntime": _time(self.begun),
            "main_cond_dscr": "头晕一周",
        }
        return self.ask("2203", {"mdtrtinfo": data, "diseinfo": [self._diagnosis()]})

    def upload(self, items: Sequence[Item], batch: str = "1") -> dict[str, Any]:
        """2204: lines of an outpatient visit; what is settled together has one batch number."""
        lines = [
            {
                **self._line(item),
                "mdtrt_id": self.visit_id,
                "psn_no": self.psn_no,
                "chrg_bchno": batch,
            }
            for item in items
        ]
        output = self.ask("2204", {"feedetail": lines})
        self.unsettled += sum(item.total for item in items)
        return output

    def quote(self, *, use_account: bool = False, batch: str = "1") -> dict[str, Any]:
        """2206: what the settlement would come to; nothing is changed."""
        return self.ask("2206", {"data": self._bill("11", use_account) | {"chrg_bchno": batch}})

    def settle(self, *, use_account: bool = False, batch: str = "1") -> dict[str, Any]:
        """2207, with its answer added up."""
        data = self._bill("11", use_account) | {"chrg_bchno": batch}
        return self._settled("2207", data)

    def reverse(self, setl_id: str) -> dict[str, Any]:
        """2208."""
        data = {"setl_id": setl_id, "mdtrt_id": self.visit_id, "psn_no": self.psn_no}
        return self.ask("2208", {"data": data})

    def settlement_message(self, message_id: str, invoice: str) -> dict[str, Any]:
        """A 2207 as `settle` sends it, to be sent by hand."""
        data = self._bill("11", use_account=False) | {"chrg_bchno": "1", "invono": invoice}
        return self.hospital.message("2207", {"data": data}, self.insured_region, message_id)

    # ---- inpatient ----

    def admit(self) -> dict[str, Any]:
        """2401."""
        data = {
            "psn_no": self.psn_no,
            "insutype": self.insurance,
            "begntime": _time(self.begun),
            **self.shown.certificate(),
            "med_type": "21",
            "ipt_no": f"ZY{self.now:%Y%m%d%H%M%S}",
            "atddr_no": "D510100000001",
            "chfpdr_name": "王医生",
            "adm_diag_dscr": "高血压",
            "adm_dept_codg": "A03",
            "adm_dept_name": "内科",
            "adm_bed": "12",
            "dscg_maindiag_code": "I10.x00",
            "dscg_maindiag_name": "高血压",
            "main_cond_dscr": "头晕一周",
        }
        diagnosis = {**self._diagnosis(), "psn_no": self.psn_no, "maindiag_flag": "1"}
        output = self.ask("2401", {"mdtrtinfo": data, "diseinfo": [diagnosis]})
        self.visit_id = output["result"]["mdtrt_id"]
        return output

    def charge(self, items: Sequence[Item], *, days_ago: int = 0) -> dict[str, Any]:
        """2301: lines of a stay, sent as they arise."""
        lines = [
            {
                **self._line(item, days_ago),
                "mdtrt_id": self.visit_id,
                "psn_no": self.psn_no,
                "med_type": "21",
            }
            for item in items
        ]
        output = self.ask("2301", {"feedetail": lines})
        self.unsettled += sum(item.total for item in items)
        return output

    def discharge(self) -> dict[str, Any]:
        """2402."""
        data = {
            "mdtrt_id": self.visit_id,
            "psn_no": self.psn_no,
            "insutype": self.insurance,
            "endtime": _time(self.now),
            "dscg_dept_codg": "A03",
            "dscg_dept_name": "内科",
            "dscg_bed": "12",
            "dscg_way": "1",
        }
        diagnosis = {
            **self._diagnosis(),
            "mdtrt_id": self.visit_id,
            "psn_no": self.psn_no,
            "maindiag_flag": "1",
        }
        return self.ask("2402", {"dscginfo": data, "diseinfo": [diagnosis]})

    def quote_stay(self, *, interim: bool = False) -> dict[str, Any]:
        """2303."""
        return self.ask("2303", {"data": self._stay_bill(interim)})

    def settle_stay(self, *, interim: bool = False) -> dict[str, Any]:
        """2304, with its answer added up; `interim` while the stay goes on."""
        return self._settled("2304", self._stay_bill(interim))

    def take_back_stay(self) -> None:
        """Whatever there is of a stay: settlements (2305), lines (2302), discharge (2405), admission
        (2404). What is not there is refused, and that is well."""
        ids = {"mdtrt_id": self.visit_id, "psn_no": self.psn_no}
        steps = [("2305", {"setl_id": one, **ids}) for one in reversed(self.settlements)]
        steps += [("2302", {"feedetl_sn": "0000", **ids}), ("2405", ids), ("2404", ids)]
        for infno, data in steps:
            with contextlib.suppress(Refused, Unknown):
                self.ask(infno, {"data": data})

    # ---- pharmacy ----

    def buy(self, items: Sequence[Item], *, use_account: bool, commit: bool) -> dict[str, Any]:
        """2102, or its quote 2101: purchase, lines and settlement in one."""
        data = {
            "psn_no": self.psn_no,
            **self.shown.certificate(),
            "begntime": _time(self.now),
            "medfee_sumamt": str(sum(item.total for item in items)),
            "invono": f"YD{self.now:%Y%m%d%H%M%S}",
            "insutype": self.insurance,
            "acct_used_flag": "1" if use_account else "0",
            "med_type": "41",
        }
        whole = {"druginfo": data, "drugdetail": [self._line(item) for item in items]}
        if commit:
            return self.hospital.settle("2102", whole, insured_region=self.insured_region)
        return self.ask("2101", whole)

    # ---- what they are made of ----

    def _bill(self, med_type: str, use_account: bool) -> dict[str, Any]:
        return {
            "psn_no": self.psn_no,
            **self.shown.certificate(),
            "med_type": med_type,
            "medfee_sumamt": str(self.unsettled),
            "psn_setlway": "01",
            "mdtrt_id": self.visit_id,
            "insutype": self.insurance,
            "acct_used_flag": "1" if use_account else "0",
            "invono": f"FP{self.now:%Y%m%d%H%M%S}",
        }

    def _stay_bill(self, interim: bool) -> dict[str, Any]:
        return self._bill("21", use_account=False) | {"mid_setl_flag": "1" if interim else "0"}

    def _settled(self, infno: str, data: dict[str, Any]) -> dict[str, Any]:
        output = self.hospital.settle(infno, {"data": data}, insured_region=self.insured_region)
        self.unsettled = Decimal(0)
        self.settlements.append(output["setlinfo"]["setl_id"])
        return output

    def _line(self, item: Item, days_ago: int = 0) -> dict[str, Any]:
        self._lines += 1
        return {
            "feedetl_sn": f"{self.now:%Y%m%d%H%M%S}{self._lines:04d}",
            "fee_ocur_time": _time(self.now - timedelta(days=days_ago, minutes=5)),
            "med_list_codg": item.code,
            "medins_list_codg": f"HIS-{item.code}",
            "det_item_fee_sumamt": str(item.total),
            "cnt": str(item.count),
            "pric": str(item.price),
            "bilg_dept_codg": "A03",
            "bilg_dept_name": "内科",
            "bilg_dr_codg": "D510100000001",
            "bilg_dr_name": "王医生",
            "hosp_appr_flag": "1",
        }

    def _diagnosis(self) -> dict[str, Any]:
        return {
            "diag_type": "1",
            "diag_srt_no": "1",
            "diag_code": "I10.x00",
            "diag_name": "高血压",
            "diag_dept": "A03",
            "dise_dor_no": "D510100000001",
            "dise_dor_name": "王医生",
            "diag_time": _time(self.begun),
            "vali_flag": "1",
        }


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"

"""The states of a visit as one table: setting, state and event lead to a state, or are refused."""

from typing import Final

from yikatong.core.errors import Text
from yikatong.medical.visits.errors import OutOfOrder
from yikatong.medical.visits.model import Setting, State

TABLE: Final[dict[Setting, dict[State, dict[str, State]]]] = {
    "outpatient": {
        "registered": {"see": "seen", "cancel": "cancelled"},
        "seen": {
            "see": "seen",
            "add_lines": "seen",
            "withdraw_lines": "seen",
            "settle": "seen",
            "reverse": "seen",
            "cancel": "cancelled",
        },
        "cancelled": {},
    },
    "inpatient": {
        "admitted": {
            "amend": "admitted",
            "add_lines": "admitted",
            "withdraw_lines": "admitted",
            "settle_interim": "admitted",
            "reverse": "admitted",
            "discharge": "discharged",
            "cancel": "cancelled",
        },
        "discharged": {
            "amend": "discharged",
            "add_lines": "discharged",
            "withdraw_lines": "discharged",
            "settle": "settled",
            "reverse": "discharged",
            "cancel_discharge": "admitted",
        },
        "settled": {"reverse": "discharged"},
        "cancelled": {},
    },
    "pharmacy": {"settled": {"reverse": "cancelled"}, "cancelled": {}},
}
"""An outpatient visit may be settled several times, by batches of lines; so it stays `seen`."""

STATE_NAMES: Final[dict[State, Text]] = {
    "registered": Text("已挂号", "registered"),
    "seen": Text("已就诊", "seen by a doctor"),
    "admitted": Text("在院", "in hospital"),
    "discharged": Text("已出院，未结算", "discharged, not settled"),
    "settled": Text("已结算", "settled"),
    "cancelled": Text("已撤销", "cancelled"),
}

EVENT_NAMES: Final[dict[str, Text]] = {
    "see": Text("上传就诊信息", "sending the doctor's visit"),
    "cancel": Text("撤销登记", "cancelling"),
    "add_lines": Text("上传明细", "uploading lines"),
    "withdraw_lines": Text("撤销明细", "withdrawing lines"),
    "settle": Text("结算", "settling"),
    "settle_interim": Text("中途结算", "an interim settlement"),
    "reverse": Text("撤销结算", "reversing a settlement"),
    "amend": Text("变更住院信息", "amending the admission"),
    "discharge": Text("办理出院", "discharging"),
    "cancel_discharge": Text("撤销出院", "cancelling the discharge"),
}

_HINTS: Final[dict[tuple[State, str], Text]] = {
    ("registered", "add_lines"): Text(
        "请先上传就诊和诊断信息（2203）", "send visit and diagnoses first (2203)"
    ),
    ("registered", "settle"): Text(
        "请先上传就诊信息（2203）和明细（2204）", "send the visit (2203) and lines (2204) first"
    ),
    ("admitted", "settle"): Text(
        "请先办理出院（2402），或作中途结算（mid_setl_flag=1）",
        "discharge first (2402), or make it an interim settlement (mid_setl_flag=1)",
    ),
    ("admitted", "cancel_discharge"): Text("尚未办理出院", "there is no discharge to cancel"),
    ("discharged", "settle_interim"): Text(
        "已出院，请作出院结算（mid_setl_flag=0）", "make it the final settlement (mid_setl_flag=0)"
    ),
    ("discharged", "cancel"): Text("请先撤销出院（2405）", "cancel the discharge first (2405)"),
    ("discharged", "discharge"): Text("已办理过出院", "the discharge is known already"),
    ("settled", "settle"): Text(
        "如需重新结算，请先撤销原结算（2305）",
        "to settle anew, reverse the settlement first (2305)",
    ),
    ("settled", "cancel_discharge"): Text(
        "请先撤销结算（2305）", "reverse the settlement first (2305)"
    ),
    ("settled", "add_lines"): Text("请先撤销结算（2305）", "reverse the settlement first (2305)"),
    ("settled", "withdraw_lines"): Text(
        "请先撤销结算（2305）", "reverse the settlement first (2305)"
    ),
}
_NOTHING: Final = Text("", "")


def after(setting: Setting, state: State, event: str) -> State:
    """The state an event leads to; raises OutOfOrder saying where the visit stands and what to do."""
    found = TABLE[setting].get(state, {}).get(event)
    if found is not None:
        return found
    hint = _HINTS.get((state, event), _NOTHING)
    name, what = STATE_NAMES[state], EVENT_NAMES[event]
    raise OutOfOrder(
        f"本次就诊{name.zh}，不能{what.zh}" + (f"；{hint.zh}" if hint.zh else ""),
        f"the visit is {name.en}: {what.en} is not possible" + (f"; {hint.en}" if hint.en else ""),
        "visit",
    )

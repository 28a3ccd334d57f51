"""Reasons that lie in a pension or unemployment benefit."""

from collections.abc import Iterator
from datetime import timedelta

from yikatong.core.errors import Text
from yikatong.portability.model import (
    BENEFIT_SERVICES,
    CheckRequest,
    Found,
    Situation,
    fact,
)
from yikatong.portability.rules.card import BENEFIT_NAMES

_DUE_SOON = timedelta(days=30)

HELD_REASONS: dict[str, Text] = {
    "proof_of_life": Text("未完成资格认证", "no proof of life"),
    "recorded_dead": Text("登记为已去世，正在核实", "a recorded death is being checked"),
    "returned_payment": Text("上次发放被银行退回", "the bank returned the last payment"),
    "review": Text("正在复核领取资格", "the entitlement is being reviewed"),
    "job_seeker_month": Text("上月未确认求职", "nobody confirmed last month to look for work"),
    "job_offer": Text("正在核实就业情况", "employment is being checked"),
}


def reasons(situation: Situation, request: CheckRequest) -> Iterator[Found]:
    """Whether the benefit is drawn, held, ended, and its proof of life."""
    if request.service not in BENEFIT_SERVICES:
        return
    name = BENEFIT_NAMES[request.service]
    mine = [one for one in situation.entitlements if one.benefit == request.service]
    current = next((one for one in mine if one.status != "ended"), None)
    if current is None:
        if mine:
            yield Found("benefit_ended", {"benefit": name, "date": fact(mine[0].ends_on or "—")})
        else:
            yield Found("benefit_not_drawn", {"benefit": name})
        return
    due = current.proof_due_on
    if due is not None and due < request.on:
        yield Found("proof_of_life_overdue", {"date": fact(due)})
    elif due is not None and due - request.on <= _DUE_SOON:
        yield Found("proof_of_life_due", {"date": fact(due)})
    if current.status == "held" and current.held_reason != "proof_of_life":
        unknown = Text("请向经办机构查询", "ask the paying agency")
        why = HELD_REASONS.get(current.held_reason or "", unknown)
        yield Found("benefit_held", {"benefit": name, "reason": why})

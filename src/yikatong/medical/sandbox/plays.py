"""Plays (演示): whole visits over the signed interface, told as they happen."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import httpx
import msgspec

from yikatong.core.errors import NotFound, Text, one_of
from yikatong.core.money import format_yuan
from yikatong.medical.sandbox.client import (
    Account,
    Exchange,
    Hospital,
    Refused,
    Unknown,
    WrongSums,
)
from yikatong.medical.sandbox.model import SandboxItem, SandboxPerson, SandboxProvider
from yikatong.medical.sandbox.visit import Item, Shown, Visit

_PRICE_MAX: Final = 100_00


class PlayFailed(Exception):
    """Something came out otherwise than it must."""


class Stage:
    """What a play needs: providers, people, items, and somebody to tell it to."""

    def __init__(
        self,
        url: str,
        providers: Sequence[SandboxProvider],
        persons: Sequence[SandboxPerson],
        items: Sequence[SandboxItem],
        *,
        say: Callable[[Text], None],
        listen: Callable[[Exchange], None],
        switch: Callable[[str, str, str], None],
        http: httpx.Client,
    ) -> None:
        """`switch` turns a fault on for one call: provider, fault, transaction."""
        self._url = url
        self._providers = providers
        self._persons = {one.situation: one for one in persons}
        self._items = items
        self.say = say
        self.switch = switch
        self._listen = listen
        self._http = http
        self.open_stays: list[Visit] = []

    def hospital(self, region: str, level: str, *, tries_max: int = 4) -> Hospital:
        """The first test provider there; raises NotFound."""
        for one in self._providers:
            if one.pooling_region == region and level in (one.level, one.kind):
                account = Account(
                    one.code, one.name, one.region, one.scheme, one.access_key, one.secret
                )
                return Hospital(
                    self._url, account, tries_max=tries_max, listen=self._listen, http=self._http
                )
        raise NotFound(
            zh=f"没有 {region} 的测试机构（{level}），请先运行 yikatong up",
            en=f"there is no {level} test provider in {region}; run yikatong up first",
        )

    def visit(self, hospital: Hospital, situation: str, *, days: int = 0) -> Visit:
        """A visit of the person in a situation; raises NotFound."""
        one = self._persons.get(situation)
        if one is None:
            raise NotFound(
                zh=f"没有测试人员 {situation}，请先运行 yikatong up",
                en=f"there is no test person {situation}; run yikatong up first",
            )
        shown = Shown(one.name, one.id_number, one.card_number, one.card_identifier)
        return Visit(hospital, shown, days=days)

    def items(self, *counts: int, classes: str = "ABC") -> list[Item]:
        """One item of each class, as many as the counts say, at its usual price: a dear one, so that
        the bill is beyond the deductible."""
        found: list[Item] = []
        for item_class, count in zip(classes, counts, strict=False):
            fitting = (one for one in self._items if one.item_class == item_class)
            one = max(
                (one for one in fitting if one.price <= _PRICE_MAX), key=lambda one: one.price
            )
            found.append(Item(one.code, Decimal(format_yuan(one.price)), count))
        return found

    def refused(self, attempt: Callable[[], object]) -> None:
        """An attempt that must be refused."""
        try:
            attempt()
        except Refused:
            return
        raise PlayFailed("this should have been refused")


def outpatient(stage: Stage) -> None:
    visit = stage.visit(stage.hospital("510100", "tertiary"), "home")
    stage.say(Text("读卡，查参保信息。", "Read the card and ask how the person is insured."))
    visit.identify()
    stage.say(Text("挂号，就诊，上传明细。", "Register, see the doctor, upload the lines."))
    visit.register()
    visit.see()
    visit.upload(stage.items(6, 2, 1))
    stage.say(
        Text("先预结算，让参保人知道要付多少。", "Quote first, so that the person knows the sum.")
    )
    quoted = visit.quote()
    done = visit.settle()
    _same(quoted["setlinfo"], done["setlinfo"])


def inpatient_elsewhere(stage: Stage) -> None:
    visit = stage.visit(stage.hospital("110000", "tertiary"), "retired_with_son", days=6)
    stage.say(
        Text(
            "成都参保，在北京住院：目录按北京，待遇按成都。",
            "Insured in Chengdu, in a Beijing hospital: Beijing's catalog, Chengdu's rates.",
        )
    )
    visit.identify()
    visit.check("21")
    visit.admit()
    stage.open_stays.append(visit)
    stage.say(Text("每天上传当天的明细。", "Lines are sent day by day."))
    visit.charge(stage.items(40, 10), days_ago=5)
    visit.charge(stage.items(40, 10, 2), days_ago=2)
    visit.discharge()
    quoted = visit.quote_stay()
    done = visit.settle_stay()
    _same(quoted["setlinfo"], done["setlinfo"])


def pharmacy(stage: Stage) -> None:
    visit = stage.visit(stage.hospital("510100", "pharmacy"), "retired_with_account")
    visit.identify()
    items = stage.items(2, 1, classes="AB")
    stage.say(
        Text("先用个人账户，不足部分现金。", "The medical account pays first, cash the rest.")
    )
    visit.buy(items, use_account=True, commit=False)
    visit.buy(items, use_account=True, commit=True)


def interim_stay(stage: Stage) -> None:
    visit = stage.visit(stage.hospital("510100", "tertiary"), "low_income", days=40)
    visit.identify()
    visit.admit()
    stage.open_stays.append(visit)
    visit.charge(stage.items(60, 40), days_ago=20)
    stage.say(Text("住院时间长，中途结算一次。", "A long stay: settle once in between."))
    first = visit.settle_stay(interim=True)["setlinfo"]
    visit.charge(stage.items(30, 20), days_ago=1)
    visit.discharge()
    stage.say(
        Text("出院结算，起付线只收一次。", "The final settlement; the deductible is taken once.")
    )
    last = visit.settle_stay()["setlinfo"]
    if _yuan(first, "act_pay_dedc") and _yuan(last, "act_pay_dedc"):
        raise PlayFailed("the deductible was taken twice")


def reversal(stage: Stage) -> None:
    visit = stage.visit(stage.hospital("510100", "secondary"), "flexible")
    visit.identify()
    visit.register()
    visit.see()
    visit.upload(stage.items(4, 1))
    done = visit.settle()["setlinfo"]
    stage.say(
        Text("收费有误，撤销：每项金额取负。", "A mistake: reverse it, every amount negated.")
    )
    taken_back = visit.reverse(done["setl_id"])["setlinfo"]
    if _yuan(done, "medfee_sumamt") + _yuan(taken_back, "medfee_sumamt"):
        raise PlayFailed("settlement and reversal do not cancel each other out")
    stage.say(Text("同一笔不能撤销两次。", "Nothing is reversed twice."))
    stage.refused(lambda: visit.reverse(done["setl_id"]))


def lost_answer(stage: Stage) -> None:
    hospital = stage.hospital("510100", "tertiary", tries_max=1)
    visit = stage.visit(hospital, "second_admission")
    visit.identify()
    visit.register()
    visit.see()
    visit.upload(stage.items(4, 1))
    stage.say(
        Text(
            "打开故障开关：下一次 2207 办理成功，但应答丢失。收费窗口不知道结果，于是冲正（2601）。",
            "Switch a fault on: the next 2207 is carried out and its answer lost. The counter does"
            " not know, so it reverses (2601).",
        )
    )
    stage.switch(hospital.account.provider_code, "lost", "2207")
    try:
        visit.settle()
    except Unknown as lost:
        stage.say(
            Text("已冲正，换新的 msgid 重新结算。", "Reversed; settle anew under a new msgid.")
        )
        message_id = lost.message_id
    else:
        raise PlayFailed("the answer was not lost; does this server know the fault switches?")
    visit.settle()
    stage.say(
        Text(
            "再冲正一次同一 msgid，也成功，不会冲两次。", "Reversing the same msgid again is fine."
        )
    )
    hospital.undo(visit.psn_no, "2207", message_id, insured_region=visit.insured_region)


def wrong_total(stage: Stage) -> None:
    hospital = stage.hospital("510100", "tertiary")
    visit = stage.visit(hospital, "civil_servant")
    visit.identify()
    visit.register()
    visit.see()
    visit.upload(stage.items(4, 1))
    right = visit.unsettled
    stage.say(
        Text(
            "总费用多报一分：拒绝，并给出两个数。", "One fen too much: refused, with both figures."
        )
    )
    visit.unsettled = right + Decimal("0.01")
    stage.refused(visit.settle)
    stage.say(
        Text(
            "打开故障开关：应答的总费用差一分。客户端核对出来，冲正后重新结算。",
            "Switch a fault on: the answer's total is off by one fen. The client notices, reverses"
            " and settles anew.",
        )
    )
    stage.switch(hospital.account.provider_code, "wrong_total", "2207")
    visit.unsettled = right
    try:
        visit.settle()
    except WrongSums:
        visit.settle()
        return
    raise PlayFailed("the total was right; does this server know the fault switches?")


def replay(stage: Stage) -> None:
    hospital = stage.hospital("510100", "secondary")
    visit = stage.visit(hospital, "veteran")
    visit.identify()
    visit.register()
    visit.see()
    visit.upload(stage.items(4, 1))
    message = visit.settlement_message(hospital.new_message_id(), "FP-FIRST")
    headers = hospital.sign()
    first = hospital.send(message, headers)
    stage.say(
        Text(
            "原样重发，重新签名：还是第一次的应答。",
            "The same message, newly signed: the first answer.",
        )
    )
    if hospital.send(message).answer.get("output") != first.answer.get("output"):
        raise PlayFailed("the repeat got another answer")
    stage.say(Text("同一 msgid，内容不同：拒绝。", "The same msgid with other content: refused."))
    changed = visit.settlement_message(message["msgid"], "FP-OTHER")
    if hospital.send(changed).answer.get("infcode") in (0, "0"):
        raise PlayFailed("one message id was taken for two messages")
    if hospital.account.scheme == "B":
        stage.say(
            Text(
                "连签名也原样重放：拒绝；到了另一个进程，也只得到第一次的应答。",
                "Replayed with its signature: refused; by another process of the server, answered as"
                " at first.",
            )
        )
        again = hospital.send(message, headers)
        if again.status != 401 and again.answer.get("output") != first.answer.get("output"):
            raise PlayFailed("a replayed signature was accepted")


def _yuan(facts: Mapping[str, Any], name: str) -> Decimal:
    return Decimal(str(facts[name]))


def _same(quoted: Mapping[str, Any], done: Mapping[str, Any]) -> None:
    for name in ("medfee_sumamt", "fund_pay_sumamt", "psn_part_amt"):
        if _yuan(quoted, name) != _yuan(done, name):
            raise PlayFailed(f"{name}: quoted {quoted[name]}, settled {done[name]}")


class Play(msgspec.Struct, frozen=True):
    """A play by its name."""

    title: Text
    run: Callable[[Stage], None]


PLAYS: Final[dict[str, Play]] = {
    "outpatient": Play(Text("本地门诊", "outpatient care at home"), outpatient),
    "inpatient-elsewhere": Play(
        Text("异地住院，已备案", "a stay in another province, filed"), inpatient_elsewhere
    ),
    "pharmacy": Play(Text("药店购药，用个人账户", "a purchase at a pharmacy"), pharmacy),
    "interim-stay": Play(
        Text("长期住院，中途结算", "a long stay, settled in between"), interim_stay
    ),
    "reversal": Play(Text("结算撤销", "reversing a settlement"), reversal),
    "lost-answer": Play(Text("应答丢失，冲正", "a lost answer, reversed by 2601"), lost_answer),
    "wrong-total": Play(Text("金额不符", "totals that do not agree"), wrong_total),
    "replay": Play(Text("重发和重放", "repeats and replays"), replay),
}


def find(name: str) -> Play:
    """A play; raises InvalidInput."""
    return PLAYS[one_of(name, PLAYS, "SCENARIO")]


def perform(play: Play, stage: Stage) -> None:
    """Run a play; a stay that it leaves open is cancelled, as a person is in one hospital at a time.

    Raises Refused, Unknown, WrongSums or PlayFailed where it does not come out as it must.
    """
    try:
        play.run(stage)
    except BaseException:
        for visit in stage.open_stays:
            visit.take_back_stay()
        raise

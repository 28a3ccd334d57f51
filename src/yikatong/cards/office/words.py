"""How a card or an application stands, in plain sentences, to be read out on the phone or shown."""

from datetime import date
from typing import Final

from yikatong.cards.model import Card, CardApplication
from yikatong.core.clock import SHANGHAI
from yikatong.core.errors import Text
from yikatong.core.money import format_yuan

NO_CARD: Final = Text("还没有社保卡。", "There is no social-security card yet.")
_CARD: Final = {
    "issued": Text("已领取，还没有启用。", "was handed over and is not activated yet."),
    "active": Text("可以使用，有效期到 {until}。", "works and is valid until {until}."),
    "half": Text(
        "可以使用，有效期到 {until}；银行功能还没有启用，要到发卡银行办理。",
        "works and is valid until {until}; its bank side is not active yet, which is done at the "
        "issuing bank.",
    ),
    "locked": Text(
        "因密码连续输错已锁定，请带身份证到窗口解锁或重置密码。",
        "is locked after wrong PINs; have it unlocked at a counter with the id document.",
    ),
    "loss_reported_provisionally": Text(
        "已临时挂失，{ends} 自动解除；找不到请在这之前正式挂失、补卡。",
        "is provisionally reported lost until {ends}, when that ends by itself; if it stays lost, "
        "report it in full and replace it before then.",
    ),
    "loss_reported": Text(
        "已挂失，不能使用；找到了可以解挂，找不到请补卡。",
        "is reported lost and does not work; if it is found the report can be withdrawn, else have "
        "it replaced.",
    ),
    "expired": Text(
        "有效期到 {until}，已经过期，请换卡。",
        "was valid until {until} and has expired; please renew it.",
    ),
    "replaced": Text("已被新卡替换，不能再用。", "was replaced by a newer one and works no more."),
    "cancelled": Text("已注销，不能再用。", "was cancelled and works no more."),
}
_APPLICATION: Final = {
    "asked": Text("需要在 {until} 前补正：{asked}。", "waits for something by {until}: {asked}."),
    "applied": Text(
        "正在审核，预计 {expected} 前制好。",
        "is under review; the card should be made by {expected}.",
    ),
    "in_production": Text(
        "已通过，正在制卡，预计 {expected} 前制好。",
        "was approved and the card is being made, to be done by {expected}.",
    ),
    "ready": Text(
        "卡已制好，请带身份证到{place}领取。",
        "is done; please collect the card with the id document at {place}.",
    ),
    "to_post": Text("卡已制好，等待寄出。", "is done; the card waits to be posted."),
    "sent": Text(
        "卡已寄出，快递单号 {tracking}。", "is done; the card was posted, parcel {tracking}."
    ),
    "issued": Text("已办结，卡已领取。", "is done; the card was handed over."),
    "rejected": Text(
        "没有通过：{reason}。可以改好后重新申请。",
        "was refused: {reason}. Put that right and apply again.",
    ),
    "withdrawn": Text("已撤回。", "was withdrawn."),
}
_FEE: Final = Text("还要交工本费 {fee} 元。", "A fee of {fee} yuan is due.")
_COUNTER: Final = Text("受理窗口", "the counter that took it in")


def of_card(one: Card, day: date) -> Text:
    """What a card can do now, and what to do where it cannot; named by its last four characters."""
    key = one.state if one.state != "active" else _active(one, day)
    ends = one.provisional_until
    said = _filled(
        _CARD[key],
        until=f"{one.valid_until}",
        ends=f"{ends.astimezone(SHANGHAI):%Y-%m-%d %H:%M}" if ends else "—",
    )
    tail = one.card_number[-4:]
    return Text(f"尾号 {tail} 的社保卡{said.zh}", f"The card ending in {tail} {said.en}")


def _active(one: Card, day: date) -> str:
    if one.valid_until < day:
        return "expired"
    if one.social_security_app != "active":
        return "issued"
    return "half" if one.bank_app == "inactive" else "active"


def of_application(one: CardApplication, place: Text | None = None) -> Text:
    """How far an application is, and what comes next; `place`: where the card is collected."""
    key: str = one.state
    if one.state == "applied" and one.asked_for:
        key = "asked"
    if one.state == "ready" and one.delivery == "post":
        key = "to_post"
    said = _filled(
        _APPLICATION[key],
        asked=one.asked_for or "",
        until=f"{one.asked_until or '—'}",
        expected=f"{one.expected_on or '—'}",
        place=place or _COUNTER,
        tracking=one.tracking or "—",
        reason=one.reason or "—",
    )
    fee = _filled(_FEE, fee=format_yuan(one.fee)) if one.fee_state == "due" else Text("", "")
    return Text(
        f"{one.applied_on} 的申请：{said.zh}{fee.zh}",
        f"The application of {one.applied_on} {said.en} {fee.en}".rstrip(),
    )


def _filled(text: Text, **facts: str | Text) -> Text:
    def put(language: str) -> str:
        return text.in_language(language).format_map(
            {
                name: one.in_language(language) if isinstance(one, Text) else one
                for name, one in facts.items()
            }
        )

    return Text(put("zh"), put("en"))

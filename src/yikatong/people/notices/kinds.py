"""The kinds of notices (通知种类): the one table of what people are told, in both languages.

A room posts a kind by its name with exactly the facts named here; the words are put together when
the notice is read, so a kind keeps its name and facts: with others it is a new one. Bodies stand
alone, for they are also the text message. No kind asks for a PIN or a code, and none names a whole
number.
"""

from collections.abc import Mapping
from string import Formatter
from typing import Final

from yikatong.core.errors import Text
from yikatong.people.notices.model import FactType, Kind, Subject

CARD: Final = "/card"
DETAILS: Final = "/details"
_PENSION: Final = "/guide/pension-unemployment"

PARTS: Final = {
    "social_security": Text("社保功能", "social-security side"),
    "bank": Text("银行功能", "bank side"),
    "both": Text("社保功能和银行功能", "social-security side and bank side"),
}
BENEFITS: Final = {
    "pension": Text("养老金", "pension"),
    "unemployment": Text("失业金", "unemployment benefit"),
}
HELD_BECAUSE: Final = {
    "recorded_dead": Text("登记信息显示您已去世", "the records say that you have died"),
    "returned_payment": Text("银行退回了发放的钱", "the bank returned a payment"),
    "review": Text("待遇正在复核", "it is being reviewed"),
    "job_offer": Text("正在核对一份工作介绍", "a job that was offered is being checked"),
    "job_seeker_month": Text(
        "这个月还没有确认您在找工作", "nobody has confirmed this month that you look for work"
    ),
}

_APPLICATION: Final = Text("查看申领进度", "See how far it is")
_CARD: Final = Text("查看我的卡", "See my card")
_COLLECT: Final = Text("怎么领卡和启用", "How to collect and activate it")
_RENEW: Final = Text("办理换卡", "Renew the card")
_LOSS: Final = Text("挂失和补卡", "Report it lost, replace it")
_PROVE: Final = Text("怎么认证", "How to prove it")
_DEVICE: Final = Text("查看登录设备", "See my devices")


def _kind(
    name: str,
    subject: Subject,
    title: tuple[str, str],
    body: tuple[str, str],
    todo: Text | None = None,
    link: str | None = None,
    *,
    always_texted: bool = False,
    **facts: FactType,
) -> Kind:
    for language in (0, 1):
        named = {part[1] for part in Formatter().parse(body[language]) if part[1]}
        assert named == facts.keys(), (name, named)
    assert (todo is None) == (link is None), name
    return Kind(name, subject, Text(*title), Text(*body), todo, link, facts, always_texted)


KINDS: Final[Mapping[str, Kind]] = {
    one.name: one
    for one in (
        # ---- the card, from application to the next one ----
        _kind(
            "application.received", "card",
            ("社保卡申领已受理", "Your application for a card was taken"),
            ("您的社保卡申领已受理，编号 {application}，预计 {expected}前制好。",
             "Your application for a social-security card was taken. Its number is {application}; the "
             "card should be made by {expected}."),
            _APPLICATION, CARD, application="reference", expected="day",
        ),
        _kind(
            "application.in_production", "card",
            ("社保卡正在制作", "Your card is being made"),
            ("您的社保卡正在制作，预计 {expected}前制好，制好后会再通知您。",
             "Your social-security card is being made and should be done by {expected}. You will be "
             "told when it is."),
            _APPLICATION, CARD, expected="day",
        ),
        _kind(
            "application.sent", "card",
            ("社保卡已寄出", "Your card is on its way"),
            ("您的社保卡已由{carrier}寄出，邮件号 {parcel}。收到后请先启用再使用。",
             "Your social-security card was sent with {carrier}, parcel {parcel}. Activate it when it "
             "has come, before you use it."),
            _COLLECT, CARD, carrier="words", parcel="reference",
        ),
        _kind(
            "application.refused", "card",
            ("社保卡申领没有通过", "Your application for a card was refused"),
            ("您的社保卡申领没有通过。原因：{reason}。改好后可以重新申领。",
             "Your application for a social-security card was refused. Reason: {reason}. Put that "
             "right and apply again."),
            Text("重新申领", "Apply again"), CARD, reason="words",
        ),
        # Told before there was a day to add it by; such notices are still read.
        _kind(
            "application.asked", "card",
            ("社保卡申领需要补充", "Your application needs something more"),
            ("您的社保卡申领需要补充：{reason}。补好后接着审核，不用重新申领。",
             "Your application for a social-security card needs something more: {reason}. Add it and the "
             "review goes on; you need not apply again."),
            Text("去补充", "Add it"), CARD, reason="words",
        ),
        _kind(
            "application.asked_until", "card",
            ("社保卡申领需要补充", "Your application needs something more"),
            ("您的社保卡申领需要补充：{reason}。请在 {until}（含）前补好，补好后接着审核；到期没补，申请自动结束。",
             "Your application for a social-security card needs something more: {reason}. Add it by "
             "{until} and the review goes on; without it the application ends after that day."),
            Text("去补充", "Add it"), f"{CARD}/amend", reason="words", until="day",
        ),
        _kind(
            "application.lapsed", "card",
            ("社保卡申领已结束：没有按期补充", "Your application for a card has ended"),
            ("您的社保卡申领在 {until}前没有补充要求的材料，已自动结束，交过的工本费会退回。备齐材料后可以重新申领。",
             "What your application for a social-security card needed was not added by {until}, and it "
             "has ended; a fee that was paid is given back. If you still need a card, apply again with "
             "everything at hand."),
            Text("重新申领", "Apply again"), CARD, until="day",
        ),
        _kind(
            "application.withdrawn", "card",
            ("社保卡申领已撤回", "Your application for a card was withdrawn"),
            ("您的社保卡申领已撤回，交过的工本费会退回。还需要卡，请重新申领；不是您或代办人撤回的，请拨打 12333。",
             "Your application for a social-security card was withdrawn; a fee that was paid is given "
             "back. If you still need a card, apply again. If neither you nor somebody for you did "
             "this, call 12333."),
            Text("重新申领", "Apply again"), CARD,
        ),
        _kind(
            "application.fee_due", "card",
            ("交了工本费就寄卡", "Your card is sent when its fee is paid"),
            ("您的社保卡已制好，交了工本费 {amount} 元就寄出。请在网上交，或到社保服务窗口交。",
             "Your social-security card is made and is sent when its fee of {amount} yuan is paid: "
             "online, or at a social-security counter."),
            Text("去交工本费", "Pay the fee"), CARD, amount="money",
        ),
        _kind(
            "card.came_back", "card",
            ("寄给您的社保卡被退回", "Your card came back in the post"),
            ("寄给您的社保卡没有送到，已退回发卡地。请带身份证到发卡地的社保服务窗口领取，或拨打 12333 再寄一次。",
             "Your social-security card could not be delivered and came back. Collect it with your id "
             "card at a social-security counter of the place that issued it, or call 12333 to have it "
             "sent again."),
            _APPLICATION, CARD,
        ),
        _kind(
            "card.destroyed", "card",
            ("社保卡逾期未领，已销毁", "Your card was not collected and is destroyed"),
            ("您的社保卡从 {since}起一直没有领取，已按规定销毁。还需要卡，请重新申领。",
             "Your social-security card had been ready since {since} and was not collected; it is "
             "destroyed, as the rules say. If you still need a card, apply again."),
            Text("重新申领", "Apply again"), CARD, since="day",
        ),
        _kind(
            "card.lost_on_the_way", "card",
            ("社保卡在运送途中遗失，正在重新制作", "Your card was lost on its way and is made again"),
            ("您的社保卡在运送途中遗失，那张卡已作废，正在为您重新制作，不另收费。制好后会再通知您。",
             "Your social-security card was lost on its way. That card is void; a new one is "
             "being made without a further fee. You will be told when it is ready."),
            _APPLICATION, CARD,
        ),
        _kind(
            "card.ready", "card",
            ("社保卡可以领取了", "Your card is ready"),
            ("您的社保卡已制好。请带身份证到{place}领取，并当场启用。",
             "Your social-security card is ready. Collect it with your id card at {place}, and have it "
             "activated there."),
            _COLLECT, CARD, place="words",
        ),
        _kind(
            "card.not_collected", "card",
            ("社保卡还没有领取", "Your card still waits for you"),
            ("您的社保卡从 {since}起就可以领取了，还存放在{place}。请带身份证去领。",
             "Your social-security card has been ready since {since} and still waits at {place}. Please "
             "collect it with your id card."),
            _COLLECT, CARD, since="day", place="words",
        ),
        _kind(
            "card.activated", "card",
            ("社保卡已启用", "Your card is activated"),
            ("您尾号 {card} 的社保卡的{part}已启用。",
             "The {part} of your social-security card ending in {card} is activated."),
            _CARD, CARD, card="tail", part=PARTS,
        ),
        # Activated where no PIN can be chosen: by the list of an employer, or on the phone.
        _kind(
            "card.activated_without_pin", "card",
            ("社保卡已启用，请设密码", "Your card is activated: choose its PIN"),
            ("您尾号 {card} 的社保卡的社保功能已启用，还没有卡密码。请在网上设一个，或带身份证到窗口设。",
             "The social-security side of your social-security card ending in {card} is activated and "
             "has no PIN yet. Choose one online, or at a counter with your id card."),
            Text("设置卡密码", "Choose the PIN"), f"{CARD}/do/reset_pin", card="tail",
        ),
        _kind(
            "card.expiring", "card",
            ("社保卡快到期了", "Your card expires soon"),
            ("您尾号 {card} 的社保卡有效期到 {until}。请在到期前换卡，换卡后待遇和绑定都跟到新卡。",
             "Your social-security card ending in {card} is valid until {until}. Renew it before then; "
             "benefits and bindings move to the new card."),
            _RENEW, CARD, card="tail", until="day",
        ),
        _kind(
            "card.expired", "card",
            ("社保卡已过期", "Your card has expired"),
            ("您尾号 {card} 的社保卡有效期到 {until}，已经过期，不能再用。请带旧卡和身份证换领新卡。",
             "Your social-security card ending in {card} was valid until {until} and cannot be used any "
             "more. Exchange it for a new one with the old card and your id card."),
            _RENEW, CARD, card="tail", until="day",
        ),
        # ---- safety: told at any hour ----
        _kind(
            "card.replaced", "security",
            ("已换成新卡", "Your card was replaced"),
            ("您尾号 {old} 的社保卡已换成尾号 {card} 的新卡，旧卡永久不能再用。不是您本人办理，请立即拨打 12333。",
             "Your social-security card ending in {old} was replaced by the one ending in {card}; the "
             "old one will never work again. If this was not you, call 12333 at once."),
            _CARD, CARD, old="tail", card="tail",
        ),
        _kind(
            "card.collected_for", "security",
            ("社保卡已由他人代领", "Somebody collected your card for you"),
            ("您尾号 {card} 的社保卡已由代办人或监护人领取。没有人替您领卡，请立即拨打 12333。",
             "Your social-security card ending in {card} was collected by an agent or guardian. If "
             "nobody was to collect it for you, call 12333 at once."),
            _CARD, CARD, card="tail",
        ),
        _kind(
            "card.cancelled", "security",
            ("社保卡已注销", "Your card was cancelled"),
            ("您尾号 {card} 的社保卡已注销，永久不能再用。不是您本人办理，请立即拨打 12333。",
             "Your social-security card ending in {card} was cancelled and will never work again. If "
             "this was not you, call 12333 at once."),
            _CARD, CARD, card="tail",
        ),
        _kind(
            "pin.changed", "security",
            ("卡密码已修改", "Your PIN was changed"),
            ("您尾号 {card} 的社保卡密码已修改。不是您本人操作，请立即挂失，或拨打 12333。",
             "The PIN of your social-security card ending in {card} was changed. If this was not you, "
             "report the card lost at once, or call 12333."),
            _LOSS, CARD, card="tail",
        ),
        _kind(
            "pin.reset", "security",
            ("卡密码已重置", "Your PIN was reset"),
            ("您尾号 {card} 的社保卡密码已重置。不是您本人办理，请立即挂失，或拨打 12333。",
             "The PIN of your social-security card ending in {card} was reset. If this was not you, "
             "report the card lost at once, or call 12333."),
            _LOSS, CARD, card="tail",
        ),
        _kind(
            "pin.locked", "security",
            ("卡密码已锁定", "Your PIN is locked"),
            ("您尾号 {card} 的社保卡密码输错次数过多，已锁定。请重置密码；不是您本人输错，请拨打 12333。",
             "The PIN of your social-security card ending in {card} was entered wrongly too often and is "
             "locked. Reset it; if it was not you, call 12333."),
            Text("重置密码", "Reset the PIN"), CARD, card="tail",
        ),
        _kind(
            "pin.unlocked", "security",
            ("卡密码已解锁", "Your PIN is unlocked"),
            ("您尾号 {card} 的社保卡已解锁，密码不变。不是您本人办理，请立即挂失，或拨打 12333。",
             "Your social-security card ending in {card} is unlocked; its PIN is as before. If this was "
             "not you, report the card lost at once, or call 12333."),
            _LOSS, CARD, card="tail",
        ),
        _kind(
            "loss.provisional", "security",
            ("社保卡已临时挂失", "Your card is provisionally reported lost"),
            ("您尾号 {card} 的社保卡已临时挂失，{until} 自动解除。找不到卡，请在这之前正式挂失并补卡。",
             "Your social-security card ending in {card} is provisionally reported lost; this ends by "
             "itself on {until}. If it stays lost, report it in full and replace it before then."),
            _LOSS, CARD, card="tail", until="moment",
        ),
        _kind(
            "loss.ending", "security",
            ("临时挂失快要解除", "The provisional loss report ends soon"),
            ("您尾号 {card} 的社保卡的临时挂失将于 {until} 自动解除，之后这张卡又能使用。还没找到卡，请正式挂失。",
             "The provisional loss report of your social-security card ending in {card} ends on {until}; "
             "the card then works again. If it is still lost, report it in full."),
            _LOSS, CARD, card="tail", until="moment",
        ),
        _kind(
            "loss.ended", "security",
            ("临时挂失已解除", "The provisional loss report has ended"),
            ("您尾号 {card} 的社保卡的临时挂失已到期解除，这张卡又能使用。还没找到卡，请立即挂失。",
             "The provisional loss report of your social-security card ending in {card} has ended; the "
             "card works again. If it is still lost, report it at once."),
            _LOSS, CARD, card="tail",
        ),
        _kind(
            "loss.reported", "security",
            ("社保卡已挂失", "Your card is reported lost"),
            ("您尾号 {card} 的社保卡已挂失，社保和银行功能都已停用。找不到卡，请补办新卡。",
             "Your social-security card ending in {card} is reported lost; both its sides are stopped. "
             "If it stays lost, have it replaced."),
            _LOSS, CARD, card="tail",
        ),
        _kind(
            "loss.withdrawn", "security",
            ("社保卡已解挂", "The loss report was withdrawn"),
            ("您尾号 {card} 的社保卡已解除挂失，可以使用。不是您本人办理，请立即拨打 12333。",
             "The loss report of your social-security card ending in {card} was withdrawn; the card "
             "works. If this was not you, call 12333 at once."),
            _CARD, CARD, card="tail",
        ),
        _kind(
            "device.new", "security",
            ("在新设备上登录", "Signed in on a new device"),
            ("您的账户 {at} 在新设备（{device}）上登录。不是您本人，请立即修改密码，或拨打 12333。",
             "Your account was signed in to on a new device ({device}) at {at}. If this was not you, "
             "change your PIN or password at once, or call 12333."),
            _DEVICE, "/security", always_texted=True, device="words", at="moment",
        ),
        _kind(
            "device.new_by_code", "security",
            ("在新设备上登录", "Signed in on a new device"),
            ("您的账户 {at} 在新设备（{device}）上用短信验证码登录。不是您本人，请拨打 12333。",
             "Your account was signed in to on a new device ({device}) at {at} with a code sent to your "
             "phone. If this was not you, call 12333."),
            _DEVICE, "/security", device="words", at="moment",
        ),
        _kind(
            "phone.changed", "security",
            ("登记的手机号已更改", "Your phone on file was changed"),
            ("您登记的手机号已改为尾号 {phone} 的号码。不是您本人办理，请立即拨打 12333。",
             "Your phone on file is now the one ending in {phone}. If this was not you, call 12333 at "
             "once."),
            Text("查看登记的资料", "See what is on file"), DETAILS, phone="tail",
        ),
        _kind(
            "data.changed", "security",
            ("登记的资料已更改", "Your data on file were changed"),
            ("您登记的{fields}已更改。卡上的信息不再一致，请换卡。不是您本人办理，请立即拨打 12333。",
             "What was changed on file: {fields}. Your card no longer agrees with it; please renew the "
             "card. If this was not you, call 12333 at once."),
            _RENEW, CARD, fields="words",
        ),
        # ---- care, benefits, data ----
        _kind(
            "filing.ending", "care",
            ("异地就医备案快到期了", "Your filing for care elsewhere ends soon"),
            ("您到{destination}就医的备案 {until}到期。之后还要在那里看病，请在到期前重新备案。",
             "Your filing for care in {destination} ends on {until}. If you will still see doctors "
             "there, file again before then."),
            Text("怎么备案", "How to file"), "/guide/filing", destination="region", until="day",
        ),
        _kind(
            "plan.leaving", "care",
            ("快出发了，看看还有什么没办", "You leave soon: see what is left to do"),
            ("您计划 {day}去{destination}。请看一看出行计划里还有什么没办好。",
             "You plan to go to {destination} on {day}. Please see what is left to do on your list."),
            Text("看出行计划", "See my plan"), "/plan", destination="region", day="day",
        ),
        _kind(
            "proof.due", "benefits",
            ("该做养老待遇资格认证了", "Your proof of life is due"),
            ("请在 {until}前做养老待遇资格认证，到就近窗口办，开通刷脸的也可以在网上办。过期没做，养老金会暂停发放。",
             "Please prove by {until} that you live: at any counter, or online where there is a face "
             "check. Otherwise your pension is held until you do."),
            _PROVE, _PENSION, until="day",
        ),
        _kind(
            "proof.overdue", "benefits",
            ("养老金已暂停：没有资格认证", "Your pension is held: no proof of life"),
            ("您的养老待遇资格认证 {until}到期，养老金已暂停发放。认证后恢复发放，停发的月份会补发。",
             "Your proof of life was due by {until}, and your pension is held. Prove it now: payments go "
             "on, and the months held are paid."),
            _PROVE, _PENSION, until="day",
        ),
        _kind(
            "benefit.held", "benefits",
            ("待遇已暂停发放", "A benefit is held"),
            ("您的{benefit}已暂停发放。原因：{reason}。请拨打 12333，或到参保地窗口办理。",
             "Your {benefit} is held. Reason: {reason}. Call 12333, or come to a counter at home."),
            Text("待遇怎么发放", "How benefits are paid"), _PENSION,
            benefit=BENEFITS, reason=HELD_BECAUSE,
        ),
        _kind(
            "pension.granted", "benefits",
            ("养老金已核定", "Your pension was granted"),
            ("您的养老金已核定，每月 {amount} 元，{since}起发放到社保卡。怎么算的可以在网上看。",
             "Your pension was granted: {amount} yuan a month, paid onto your card from {since}. See "
             "online how it was worked out."),
            Text("查看怎么算的", "See how it was worked out"), "/benefits",
            amount="money", since="day",
        ),
        _kind(
            "pension.refused", "benefits",
            ("养老金申请没有通过", "Your application for a pension was refused"),
            ("您的养老金申请没有通过。原因和怎么办可以在网上看，也可以拨打 12333；补齐后可以再申请。",
             "Your application for a pension was refused. See the reasons and what to do online, or "
             "call 12333; you may apply again."),
            Text("查看原因", "See why"), "/benefits",
        ),
        _kind(
            "payment.returned", "benefits",
            ("待遇没有发到卡上", "A payment did not reach your card"),
            ("您的{benefit} {amount} 元没有发到卡上，被银行退回。请核对卡的银行功能是否正常，或拨打 12333。",
             "Your {benefit} of {amount} yuan did not reach your card; the bank returned it. Please see "
             "whether the bank side of your card works, or call 12333."),
            Text("查看账户", "See my account"), "/account", benefit=BENEFITS, amount="money",
        ),
        _kind(
            "data.refused", "details",
            ("资料变更没有通过", "A change of your data was refused"),
            ("您的{fields}变更没有通过。原因：{reason}。补齐后可以到窗口重新办理。",
             "The change was refused: {fields}. Reason: {reason}. Put that right and come to a counter "
             "again."),
            Text("查看登记的资料", "See what is on file"), DETAILS, fields="words", reason="words",
        ),
        _kind(
            "contact.check", "details",
            ("手机号和住址还对吗？", "Are your phone and address still right?"),
            ("您登记的手机号和住址有一年以上没有核对了。请看一看还对不对，以免收不到卡和通知。",
             "The phone and address on file have not been checked for more than a year. Please see "
             "whether they are still right, so that cards and notices reach you."),
            Text("核对手机号和住址", "Check phone and address"), DETAILS,
        ),
    )
}  # fmt: skip
"""All kinds by name."""

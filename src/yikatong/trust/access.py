"""Who may do what (权限): roles, their permissions, and the caller behind a request.

The table `PERMISSIONS` is the one place where it stands: routes and pages ask `Caller.require`, and
the documents print it.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, Final, Literal, Protocol, runtime_checkable

import msgspec

from yikatong.core.clock import SHANGHAI
from yikatong.core.errors import Text, YikatongError
from yikatong.core.platform import Platform
from yikatong.trust.audit import Actor
from yikatong.trust.operator import NotSignedIn, Operator

Role = Literal[
    "counter", "hotline", "reviewer", "finance", "auditor", "operator", "administrator", "provider"
]  # fmt: skip
"""角色: 窗口经办, 热线坐席, 审核, 财务, 审计, 运行, 管理员, 医药机构经办."""

NATION: Final = "000000"
ALL: Final = "*"
"""What the installation's own token is granted: every permission."""

Place = Literal["person", "fund", "region", "nation", "any", "provider"]
"""Which region counts for an act: any in which the person lives or is insured; that of the fund, its
agency or the employer; that the request names; the whole nation (only who may do it everywhere may
do it at all); none; no region, but the one provider that the member works for."""


class Permission(msgspec.Struct, frozen=True):
    """One thing that can be done."""

    name: str
    """Such as "person.read"; stable, the audit trail and credentials name it."""
    text: Text
    roles: frozenset[Role]
    """The roles of staff that have it; none: machines only."""
    place: Place = "person"
    two_persons: bool = False
    """Whether a second person with this permission must approve (双人复核)."""


class Grant(msgspec.Struct, frozen=True):
    """A role, or of a machine a permission, within a region and all that lies in it."""

    what: str
    region: str


class NotAllowed(YikatongError):
    """The caller is known and may not do this, or not there."""

    code = "not_allowed"
    status = 403


class Caller(msgspec.Struct, frozen=True):
    """Who makes a request: a member of staff or a machine, and what each may do where."""

    kind: Literal["staff", "provider", "service"]
    name: str
    """Staff number, provider's code or service's name."""
    grants: tuple[Grant, ...]
    provider: str | None = None
    """Of staff: the code of the provider they work for; None: of an agency."""

    def actor(self, purpose: str) -> Actor:
        """The caller, for the audit trail."""
        return Actor(self.kind, self.name, purpose)

    def regions(self, permission: str) -> frozenset[str]:
        """The regions in which the caller may do this, each with all that lies in it."""
        roles = PERMISSIONS[permission].roles
        return frozenset(
            grant.region
            for grant in self.grants
            if grant.what in (permission, ALL) or grant.what in roles
        )

    def everywhere(self, permission: str) -> bool:
        """Whether the caller may do this in the whole nation."""
        return NATION in self.regions(permission)

    def may(self, permission: str, region: str | None = None) -> bool:
        """Whether the caller may do this, in this region (None: in any at all)."""
        areas = self.regions(permission)
        return bool(areas) if region is None else any(within(region, area) for area in areas)

    def require_provider(self, permission: str) -> str:
        """The code of the caller's own provider; raises NotAllowed unless the caller may do this there."""
        self.require(permission)
        if self.provider is None:
            raise NotAllowed(
                zh="这个页面只供定点医药机构的工作人员使用",
                en="this page is for the staff of hospitals, clinics and pharmacies",
            )
        return self.provider

    def require(self, permission: str, *regions: str) -> None:
        """Raise NotAllowed unless the caller may do this in one of these regions; of an act that
        asks for the whole nation, everywhere."""
        wanted = PERMISSIONS[permission]
        areas = self.regions(permission)
        if not areas:
            raise NotAllowed(
                zh=f"您没有这项权限：{wanted.text.zh}",
                en=f"you may not do this: {wanted.text.en}",
            )
        if wanted.place == "nation":
            regions = (NATION,)
        if regions and not any(within(region, area) for region in regions for area in areas):
            raise not_there(permission)


def not_there(permission: str) -> NotAllowed:
    """The error of a caller who may do this elsewhere."""
    what = PERMISSIONS[permission].text
    return NotAllowed(
        zh=f"您的权限不包括该地区：{what.zh}",
        en=f"you may not do this in that region: {what.en}",
        field="region",
    )


def within(region: str, area: str) -> bool:
    """Whether a region (GB/T 2260) is an area or lies in it."""
    return area == NATION or region.startswith(area.removesuffix("00").removesuffix("00"))


ROLES: Final[Mapping[Role, Text]] = {
    "counter": Text("窗口经办", "counter"),
    "hotline": Text("热线坐席", "hotline"),
    "reviewer": Text("审核", "reviewer"),
    "finance": Text("财务", "finance"),
    "auditor": Text("审计", "auditor"),
    "operator": Text("运行", "operator"),
    "administrator": Text("管理员", "administrator"),
    "provider": Text("医药机构经办", "provider's desk"),
}


def _may(
    name: str, zh: str, en: str, roles: str, place: Place = "person", *, two_persons: bool = False
) -> Permission:
    wanted = roles.split()
    granted: frozenset[Role] = frozenset(role for role in ROLES if role in wanted)
    assert len(granted) == len(wanted), name
    return Permission(name, Text(zh, en), granted, place, two_persons)


# One a line, to be read as a table.
# fmt: off
PERMISSIONS: Final[Mapping[str, Permission]] = {
    one.name: one
    for one in (
        _may("identity.verify", "核验身份", "verify who somebody is", "counter hotline", "region"),
        _may("person.search", "查找人员", "find people by number or name", "counter reviewer auditor", "any"),
        _may("person.read", "查看人员信息（部分隐去）", "see a person's file, masked", "counter reviewer auditor"),
        _may("person.reveal", "查看人员完整信息", "see a person's file in full", "counter reviewer"),
        _may("person.change", "更改人员信息", "change a person's data", "counter"),
        _may("call.answer", "接听热线：核对来电人、说明情况、记录", "answer calls: compare facts, explain, keep notes", "hotline"),
        _may("call.read", "查看热线通话记录", "see notes of calls", "counter auditor"),
        _may("notices.read", "查看发给个人的通知", "see what a person was told", "counter hotline auditor"),
        _may("notices.choose", "更改通知方式", "change how a person is told", "counter hotline"),
        _may("person.decide", "审核姓名、身份证号等变更", "decide changes of name or id number", "reviewer"),
        _may("person.check", "核对人员数据", "check people's data for what does not agree", "reviewer auditor"),
        _may("document.add", "上传材料", "add documents", "counter"),
        _may("document.read", "查看材料", "see documents", "counter reviewer"),
        _may("authority.read", "查看监护和代办授权", "see who may act for whom", "counter hotline auditor"),
        _may("authority.record", "登记和撤销代办授权", "record or revoke an agent's authority", "counter"),
        _may("cards.read", "查看社保卡", "see a card", "counter hotline reviewer auditor"),
        _may("cards.apply", "受理申领和补换卡", "take an application for a card", "counter"),
        _may("cards.review", "审核社保卡申请", "review applications for a card", "reviewer"),
        _may("cards.list", "受理单位批量申领", "take lists by which employers and schools apply for cards", "counter", "region"),
        _may("cards.stock", "卡片出入库", "keep the stock of blank and finished cards", "counter", "region"),
        _may("cards.produce", "制卡和入库", "order and receive cards", "operator", "region"),
        _may("cards.issue", "发卡和启用", "hand out and activate a card", "counter"),
        _may("cards.activate_by_phone", "电话启用社保卡", "activate a card on the phone", "hotline"),
        _may("cards.report_loss", "挂失", "report a card lost", "counter hotline"),
        _may("cards.withdraw_loss", "解挂", "withdraw a loss report", "counter"),
        _may("cards.unlock", "解锁、改和重置卡密码", "unlock a card, change or reset its PIN", "counter"),
        _may("cards.cancel", "注销社保卡", "cancel a card", "counter"),
        _may("filing.read", "查看异地就医备案", "see filings", "counter hotline reviewer auditor"),
        _may("filing.make", "办理、变更、撤销备案", "file, change or withdraw a filing", "counter hotline"),
        _may("settlement.read", "查看医保结算单", "see settlements", "counter hotline reviewer auditor"),
        _may("settlement.pay", "用卡支付结算单自付部分", "pay a bill's cash part from the card", "counter"),
        _may("settlement.recompute", "抽查重算结算", "compute settlements again", "reviewer auditor", "nation"),
        _may("claim.read", "查看手工报销", "see claims by hand", "counter reviewer finance auditor"),
        _may("claim.submit", "提交、补正、撤回报销", "submit, mend or withdraw a claim", "counter"),
        _may("claim.review", "审核、扣减、退回、拒绝报销", "review, cut, return or refuse a claim", "reviewer"),
        _may("claim.decide", "核定报销金额", "decide a claim", "reviewer"),
        _may("claim.pay", "支付报销款", "pay a claim", "finance"),
        _may("claim.reverse", "冲正报销", "reverse a claim", "finance"),
        _may("benefit.read", "查看待遇", "see benefits", "counter hotline reviewer finance auditor"),
        _may("benefit.apply", "受理待遇申请和资格认证", "take an application or a proof of life", "counter"),
        _may("benefit.decide", "核定、暂停、恢复待遇", "decide, hold or resume a benefit", "reviewer"),
        _may("benefit.adjust", "执行养老金年度调整", "apply a yearly adjustment of pensions", "reviewer", "nation"),
        _may("benefit.recover", "登记退回多领的待遇", "record that an overpaid benefit was paid back", "finance"),
        _may("run.read", "查看发放批次", "see payment runs", "reviewer finance auditor", "fund"),
        _may("run.prepare", "编制发放批次", "prepare a payment run", "finance", "fund"),
        _may("run.approve", "批准他人编制的发放批次", "approve a payment run that another prepared", "finance", "fund"),
        _may("money.read", "查看银行账户和流水", "see bank accounts and statements", "counter finance auditor"),
        _may("money.open", "开立银行账户", "open a bank account", "counter"),
        _may("money.deposit", "存入现金", "take in cash", "", "nation"),
        _may("money.withdraw", "支取现金", "pay out cash", "", "nation"),
        _may("money.transfer", "转账和跨行付款", "transfer money", "", "nation"),
        _may("money.hold", "冻结一笔金额、扣款、释放", "hold, take or release a sum", ""),
        _may("money.freeze", "止付和解除（挂失、死亡）", "stop payments, or lift it (loss, death)", "counter finance"),
        _may("freeze.court", "司法冻结和解冻", "freeze or release by court order", "finance", two_persons=True),
        _may("money.reverse", "冲正交易", "take a transaction back", "finance"),
        _may("money.standing", "办理定期转账", "arrange standing orders", "counter"),
        _may("money.wealth", "办理理财", "rate risk, buy and redeem wealth products", "counter"),
        _may("medical_account.read", "查看个人账户共济", "see whom a medical account pays for", "counter hotline auditor"),
        _may("medical_account.family", "办理家庭共济", "let a medical account pay for family", "counter"),
        _may("medical_account.pay", "用个人账户付费", "pay a provider from a medical account", ""),
        _may("medical_account.move", "转移个人账户", "move a medical account to another region", "counter"),
        _may("medical_account.inherit", "个人账户继承", "pay a medical account to heirs", "finance", two_persons=True),
        _may("medical_account.credit", "划拨退休人员个人账户", "credit the month's sum to the retired", "finance", "region"),
        _may("contribution.read", "查看缴费", "see contributions", "counter hotline finance auditor"),
        _may("contribution.bill", "核定应缴", "bill contributions", "counter"),
        _may("contribution.pay", "代缴和登记到账", "pay bills, or record a payment", "counter"),
        _may("contribution.refund", "退还缴费", "give a contribution back", "finance"),
        _may("contribution.employer", "单位登记、申报和缴费", "employers: register, lists, payments", "counter", "fund"),
        _may("fund.read", "查看基金和往来余额", "see balances of funds and others", "finance auditor", "fund"),
        _may("fund.transfer", "从基金付款到个人", "pay from a fund to a person", "finance", "fund", two_persons=True),
        _may("ledger.verify", "核对总账", "verify the ledger", "finance auditor operator", "nation"),
        _may("bank.reconcile", "与银行对账", "reconcile with banks", "finance", "nation"),
        _may("operations.read", "查看运行情况", "see how the platform runs", "finance auditor operator administrator", "any"),
        _may("exception.take", "接手待处理事项", "take on an exception", "finance operator administrator", "any"),
        _may("audit.read", "查看操作记录", "read the audit trail", "auditor"),
        _may("visit.handle", "在本机构登记就诊、收费、结算、撤销", "register, charge, settle and reverse at one's own provider", "provider", "provider"),
        _may("visit.reconcile", "查看本机构的日结和对账", "see day totals of one's own provider and compare them", "provider", "provider"),
        _may("staff.read", "查看工作人员", "see members of staff", "administrator auditor", "any"),
        _may("staff.manage", "管理工作人员", "manage members of staff", "administrator", "region"),
        _may("staff.grant", "授予岗位", "grant a role", "administrator", "region", two_persons=True),
        _may("staff.second_factor", "重置工作人员的验证器", "reset a member's second factor", "administrator", "region", two_persons=True),
        _may("machine.manage", "管理接口凭证", "manage credentials of machines", "administrator", "nation"),
        _may("client.manage", "管理登录接入方", "manage services that let people sign in", "administrator", "nation"),
        _may("keys.rotate", "更换签名密钥", "rotate signing keys", "operator", "nation"),
        _may("settings.change", "更改运行参数", "change settings", "operator", "nation", two_persons=True),
        _may("approval.decide", "复核他人的申请", "approve or refuse what a colleague asks", "finance operator administrator", "any"),
    )
}
# fmt: on

OPEN: Final[Mapping[str, Text]] = {
    "/api/v1/policies": Text("政策和试算", "policies and quotes"),
    "/api/v1/portability": Text(
        "能不能用（仅虚拟人员）", "the portability check, for synthetic people"
    ),
    "/api/v1/regions": Text("行政区划", "regions"),
    "/api/v1/money/contributions/terms": Text("缴费标准", "rates of contributions"),
    "/api/v1/money/wealth/products": Text("理财产品", "wealth products"),
    "/api/v1/medical/filing-rules": Text("备案规则", "filing rules"),
    "/api/v1/cards/services": Text("社保卡业务", "services of the card office"),
    "/api/v1/cards/states": Text("社保卡状态", "states of applications and cards"),
    "/api/v1/cards/rules": Text("办卡规则", "a region's rules for cards"),
    "/api/v1/cards/counters": Text("社保卡服务网点", "counters for cards"),
    "/api/v1/pension/estimate": Text("养老金测算", "pension estimates"),
    "/api/v1/pension/adjustments": Text("养老金调整规则", "yearly adjustments of pensions"),
    "/api/v1/benefits/unemployment/estimate": Text(
        "失业金测算", "estimates of unemployment benefit"
    ),
    "/api/v1/cards/lists/template": Text("批量申领空白名单", "an empty list for applying for many"),
    "/api/v1/cards/makers/key": Text(
        "制卡文件验签公钥", "the key that signs files for makers of cards"
    ),
    "/api/v1/staff/sessions": Text("工作人员登录", "staff sign in"),
    "/api/openapi.json": Text("接口说明", "the description of the interface"),
}
"""Addresses of the API, and all below them, that ask for no permission."""

Machines = Callable[[str], Awaitable[Caller | None]]
"""The caller behind a machine's token; None for an unknown, revoked or expired one."""


class Gate:
    """Knows the caller behind an Authorization header: the operator's token, or a machine's."""

    def __init__(self, operator: Operator, machines: Machines) -> None:
        self._operator = operator
        self._machines = machines
        self._own = Caller("service", "operator", (Grant(ALL, NATION),))

    async def caller(self, authorization: str | None) -> Caller:
        """Who shows this header; raises NotSignedIn."""
        if self._operator.knows(authorization):
            return self._own
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() == "bearer" and token:
            found = await self._machines(token)
            if found is not None:
                return found
        raise NotSignedIn


class ApprovalAsked(YikatongError):
    """Not carried out yet: a second person must approve (双人复核). Answered with 202."""

    code = "approval_asked"
    status = 202

    def __init__(self, approval_id: int, until: datetime) -> None:
        self.approval_id = approval_id
        self.until = until = until.astimezone(SHANGHAI)
        super().__init__(
            zh=f"需要另一人复核，编号 {approval_id}，{until:%m-%d %H:%M} 前有效",
            en=f"a second person must approve: number {approval_id}, until {until:%m-%d %H:%M}",
        )


class Content(msgspec.Struct, frozen=True):
    """What a second person is asked to approve, in a form whose bytes are the same each time."""

    permission: str
    regions: tuple[str, ...]
    """Where it is; the second person must have the permission in one of them."""
    facts: dict[str, Any]
    """What exactly; shown to the second person, so nothing sealed."""


@runtime_checkable
class FourEyes(Protocol):
    """Asks a second person (双人复核); the room identity does."""

    async def need(self, caller: Caller, content: Content, key: str) -> None:
        """Return where this very request was approved and carried out.

        Raises ApprovalAsked until then, NotAllowed where it was refused. `key` is the request's
        Idempotency-Key.
        """
        ...


Act = Callable[[Platform, dict[str, Any], Actor, str], Awaitable[Any]]
"""Carries out what was approved: its facts, who asked for it, the Idempotency-Key."""

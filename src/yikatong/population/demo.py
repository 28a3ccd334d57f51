"""The people to try: one per situation, always the same, made first."""

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final

import msgspec

from yikatong.cards.counters import making
from yikatong.core import regions
from yikatong.core.sealing import Vault
from yikatong.medical import reference
from yikatong.population.chunk import FIRST_ID, year_start
from yikatong.population.origins import origins
from yikatong.population.rows import Rows, SharedName, id_number

_Change = Callable[[Rows, int, date], None]


class Demo(msgspec.Struct, frozen=True):
    """One situation: who, what is special, and what to ask."""

    situation: str
    zh: str
    en: str
    try_region: str
    try_service: str
    expects: str
    """The answer that must come out: yes, yes_but, no."""
    name: str
    county: str = "510104"
    age: int = 40
    sex: int = 2
    insurance: str | None = "310"
    category: str = "active"
    person: dict[str, Any] = {}
    enrolment: dict[str, Any] = {}
    card: dict[str, Any] | None = {}
    filing: tuple[str, str] | None = ("long_term", "110000")
    """Kind and destination of a valid filing; None: none."""
    subkind: str | None = None
    """Of a long-term filing; None: what fits the category."""
    year: dict[str, int] = {}
    """What the policy year has added up to so far."""
    groups: tuple[str, ...] = ()
    balance: int | None = None
    """Of the medical account; None: any."""
    disease: str | None = None
    """The registered chronic disease."""
    change: _Change | None = None


def _days(count: int) -> timedelta:
    return timedelta(days=count)


def _application(state: str) -> _Change:
    def change(rows: Rows, person_id: int, today: date) -> None:
        rows.add(
            "card_applications", person_id, person_id * 10, "first", state, "510100",
            today - _days(9), today + _days(21), making.centre("510100").code, None,
            "510100", rows.now - _days(3),
        )  # fmt: skip

    return change


def _replaced(rows: Rows, person_id: int, today: date) -> None:
    rows.card(
        person_id, 0, "510100", "周倩", today - _days(3000), state="replaced", generation=2,
        social="frozen", bank_app="frozen", replaced_by=person_id * 10 + 1,
    )  # fmt: skip


def _filing(kind: str, destination: str, start: int, end: int | None, **more: Any) -> _Change:
    def change(rows: Rows, person_id: int, today: date) -> None:
        ended = more.get("ended_on")
        rows.filing(
            person_id, kind, "310", "510100", destination, today + _days(start),
            None if end is None else today + _days(end),
            ended_by=more.get("ended_by"), ended_on=None if ended is None else today + _days(ended),
            subkind="long_term_resident" if kind == "long_term" else None,
        )  # fmt: skip

    return change


def _paid_by_spouse(rows: Rows, person_id: int, today: date) -> None:
    """The next person is the spouse, whose medical account pays up to 5 000 yuan a year."""
    since = today - _days(1500)
    for one, other in ((person_id, person_id + 1), (person_id + 1, person_id)):
        rows.add("relations", one, other, "spouse", since, None)
    rows.family(person_id + 1, person_id, 500_000, today - _days(90))


def _chosen_provider(rows: Rows, person_id: int, today: date) -> None:
    chosen = next(
        one
        for one in reference.providers_of(regions.get("510100"), frozenset())
        if one.level == "community" and one.kind == "hospital"
    )
    rows.add("selected_providers", person_id, chosen.provider_code, today - _days(300))


def _benefit(benefit: str, status: str, proof: int | None, reason: str | None = None) -> _Change:
    def change(rows: Rows, person_id: int, today: date) -> None:
        pension = benefit == "pension"
        rows.benefit(
            person_id, benefit, "110" if pension else "210", "510100", status, today - _days(900),
            today - _days(40) if status == "ended" else None, 358_000,
            proof_due_on=None if proof is None else today + _days(proof), held_reason=reason,
            months_paid=240 if pension else 65,
        )  # fmt: skip

    return change


def _unemployed(rows: Rows, person_id: int, today: date) -> None:
    rows.unemployed(person_id, "510100", "dismissed", today - _days(150), 65)


def _mother(rows: Rows, person_id: int, today: date) -> None:
    """The person before is her daughter."""
    since = today - _days(38 * 365)
    rows.add("relations", person_id, person_id - 1, "parent", since, None)
    rows.add("relations", person_id - 1, person_id, "child", since, None)
    _benefit("pension", "drawing", 200)(rows, person_id, today)


REPLACED: Final = "replaced"
_RETIRED: Final[dict[str, Any]] = {"age": 66, "category": "retired", "filing": None}
_FROZEN: Final = {"social": "frozen", "bank_app": "frozen"}

# One situation a line, to be read as a table.
# fmt: off
DEMOS: Final[tuple[Demo, ...]] = (
    Demo("all_in_order", "一切就绪：成都参保，住在北京，已长期备案", "All in order: insured in Chengdu, lives in Beijing, filed", "110000", "inpatient", "yes", "王芳"),
    Demo("filing_none", "没有备案，要去北京住院", "No filing, going to Beijing for a hospital stay", "110000", "inpatient", "yes_but", "李娜", filing=None),
    Demo("retired_with_son", "退休后随儿子住北京，已备案", "Retired, lives with her son in Beijing, filed", "110000", "outpatient", "yes", "张桂英", age=68, category="retired"),
    Demo("home", "在本地看病", "Sees a doctor at home", "510100", "inpatient", "yes", "刘敏", filing=None),
    Demo("exempt_pair", "去重庆，川渝免备案", "Going to Chongqing: no filing needed", "500000", "inpatient", "yes", "陈静", filing=None),
    Demo("card_none", "还没有社保卡", "No card yet", "110000", "inpatient", "no", "杨洋", sex=1, card=None),
    Demo("application_under_way", "卡正在制作", "Card being made", "110000", "outpatient", "no", "黄涛", sex=1, card=None, change=_application("in_production")),
    Demo("not_collected", "卡已制好，未领取", "Card ready, not collected", "110000", "outpatient", "no", "赵磊", sex=1, card=None, change=_application("ready")),
    Demo("social_security_app_inactive", "社保功能未启用", "Social-security side not activated", "110000", "inpatient", "no", "吴丹", card={"state": "issued", "social": "inactive", "bank_app": "inactive"}),
    Demo("bank_app_inactive", "银行功能未激活", "Bank side not activated", "110000", "cash", "no", "周杰", sex=1, card={"bank_app": "inactive"}),
    Demo("pin_locked", "密码已锁定", "PIN locked", "110000", "pharmacy", "no", "徐莉", card={"state": "locked"}),
    Demo("lost_provisionally", "已临时挂失", "Provisionally reported lost", "110000", "inpatient", "no", "孙强", sex=1, card={"state": "loss_reported_provisionally", **_FROZEN}),
    Demo("lost", "已正式挂失", "Reported lost", "110000", "inpatient", "no", "马丽", card={"state": "loss_reported", **_FROZEN}),
    Demo(REPLACED, "补了新卡，一切正常；旧卡不能再用", "Has a new card, all in order; the old one works no more", "110000", "inpatient", "yes", "周倩", card={"ordinal": 1}, change=_replaced),
    Demo("cancelled", "卡已注销", "Card cancelled", "110000", "identity", "no", "朱军", sex=1, card={"state": "cancelled", **_FROZEN}),
    Demo("expired", "卡已过期", "Card expired", "110000", "inpatient", "no", "胡平", sex=1, card={"state": "expired", "issued": 4000, "generation": 2}),
    Demo("first_generation", "还在用第一代卡", "Still a first-generation card", "110000", "inpatient", "no", "郭秀兰", age=58, card={"generation": 1, "issued": 3500}),
    Demo("second_generation_transit", "第二代卡想刷卡乘车", "Second-generation card on the bus", "110000", "transit", "no", "何勇", sex=1, card={"generation": 2, "issued": 3300}),
    Demo("name_outdated", "改过名，卡上还是旧名", "Changed her name, the card has the old one", "110000", "inpatient", "no", "林晓彤", card={"name": "林小红"}),
    Demo("recorded_dead", "被误登记为去世", "Recorded dead by mistake", "110000", "pension", "no", "罗建国", sex=1, age=72, category="retired", person={"died_on": -20}, change=_benefit("pension", "drawing", 200)),
    Demo("identity_mismatch", "身份信息不一致", "Identity data do not match", "110000", "inpatient", "no", "高翔", sex=1, person={"matched": False}),
    Demo("contact_outdated", "联系方式多年未确认", "Contact data not confirmed for years", "110000", "inpatient", "yes", "梁雪", person={"confirmed_on": -1200}),
    Demo("guardianship", "未成年，由监护人代办", "A minor; the guardian acts", "110000", "outpatient", "yes_but", "郑佳怡", age=7, insurance="390", category="minor", person={"guardianship": True}),
    Demo("not_insured", "没有参保", "Not insured", "110000", "inpatient", "no", "谢飞", sex=1, insurance=None),
    Demo("suspended", "参保暂停", "Insurance suspended", "110000", "inpatient", "no", "宋凯", sex=1, enrolment={"status": "suspended", "suspended_on": -30}),
    Demo("arrears", "欠费三个月", "Three months in arrears", "110000", "outpatient", "no", "唐敏", category="flexible", enrolment={"arrears_since": -95}),
    Demo("waiting", "新参保，等待期内", "Newly insured, waiting period", "110000", "inpatient", "no", "许浩", sex=1, enrolment={"benefits_from": 40}),
    Demo("in_transfer", "医保正在转移", "Insurance being transferred", "110000", "inpatient", "no", "韩冰", enrolment={"status": "in_transfer"}),
    Demo("benefits_ended", "已停保", "Insurance ended", "110000", "inpatient", "no", "冯超", sex=1, enrolment={"status": "ended", "ends_on": -60}),
    Demo("retirement_unconfirmed", "退休待遇未核定", "Retirement not confirmed", "110000", "inpatient", "no", "邓玉梅", age=56, category="retired", enrolment={"confirmed": False}),
    Demo("filing_not_started", "备案下月才生效", "Filing begins next month", "110000", "inpatient", "yes_but", "曹雨", filing=None, change=_filing("temporary", "110000", 30, 200)),
    Demo("filing_ended", "备案已到期", "Filing has ended", "110000", "inpatient", "yes_but", "彭飞", sex=1, filing=None, change=_filing("temporary", "110000", -300, -120)),
    Demo("filing_ended_by_return", "回过老家，备案已结束", "Went home, filing ended", "110000", "inpatient", "yes_but", "曾燕", filing=None, change=_filing("long_term", "110000", -600, None, ended_by="return", ended_on=-50)),
    Demo("filing_other_destination", "备案在上海，却要去北京", "Filed for Shanghai, going to Beijing", "110000", "inpatient", "yes_but", "肖萍", filing=("long_term", "310000")),
    Demo("filing_type_not_covering", "转诊备案不含药店", "A transfer filing does not cover pharmacies", "110000", "pharmacy", "yes_but", "田野", sex=1, filing=("transfer", "110000")),
    Demo("filing_transfer", "转诊备案，北京住院", "Transferred to a Beijing hospital", "110000", "inpatient", "yes", "董兰", filing=("transfer", "110000")),
    Demo("filing_emergency", "急诊抢救备案", "Emergency filing", "110000", "inpatient", "yes", "袁斌", sex=1, filing=("emergency", "110000")),
    Demo("filing_temporary", "临时外出备案", "Temporary filing", "110000", "inpatient", "yes", "潘婷", filing=("temporary", "110000")),
    Demo("outpatient_not_opened", "当地未开通门诊直接结算", "Outpatient care not opened there", "542500", "outpatient", "no", "于洋", sex=1, filing=("long_term", "540000")),
    Demo("transit_not_opened", "当地不能刷卡乘车", "No public transport on the card there", "620100", "transit", "no", "蒋欣"),
    Demo("chronic_registered", "糖尿病已登记", "Diabetes registered", "110000", "chronic", "yes", "蔡志强", sex=1, age=58, disease="糖尿病"),
    Demo("chronic_not_registered", "慢特病未登记", "Chronic disease not registered", "110000", "chronic", "no", "余芳", age=55),
    Demo("cap_used_up", "门诊封顶线已用完", "Outpatient cap used up", "110000", "outpatient", "yes_but", "杜娟", year={"outpatient_deductible": 20_000, "outpatient_pooled": 200_000, "outpatient_in_scope": 420_000, "borne_in_scope": 220_000}),
    Demo("deductible_partly_met", "门诊起付线已付一半", "Half of the deductible borne", "110000", "outpatient", "yes", "叶青", year={"outpatient_deductible": 10_000, "outpatient_in_scope": 10_000, "borne_in_scope": 10_000}),
    Demo("pension_in_order", "养老金正常领取", "Pension arrives", "110000", "pension", "yes", "程文", sex=1, change=_benefit("pension", "drawing", 200), **_RETIRED),
    Demo("proof_due", "资格认证快到期", "Proof of life due soon", "110000", "pension", "yes_but", "苏玉兰", change=_benefit("pension", "drawing", 12), **_RETIRED),
    Demo("proof_overdue", "资格认证已逾期", "Proof of life overdue", "110000", "pension", "no", "魏德福", sex=1, change=_benefit("pension", "held", -40, "proof_of_life"), **_RETIRED),
    Demo("pension_held", "养老金被暂停", "Pension held", "110000", "pension", "no", "吕秀英", change=_benefit("pension", "held", 100, "returned_payment"), **_RETIRED),
    Demo("pension_card_lost", "卡已挂失，养老金照发", "Card lost, pension still arrives", "110000", "pension", "yes_but", "丁国庆", sex=1, card={"state": "loss_reported", **_FROZEN}, change=_benefit("pension", "drawing", 200), **_RETIRED),
    Demo("pension_none", "还没有申领养老金", "Pension not applied for", "110000", "pension", "no", "任海", sex=1, **_RETIRED),
    Demo("account_frozen", "账户被法院冻结", "Account frozen by a court", "110000", "cash", "no", "沈明", sex=1, card={"frozen_by": "court"}),
    Demo("account_missing", "卡没有绑定银行账户", "No bank account bound", "110000", "pension", "no", "姚桂香", card={"account": False}, change=_benefit("pension", "drawing", 200), **_RETIRED),
    Demo("unemployment", "正在领失业金", "Draws unemployment benefit", "110000", "unemployment", "yes", "卢刚", sex=1, change=_unemployed),
    Demo("unemployment_ended", "失业金已停", "Unemployment benefit ended", "110000", "unemployment", "no", "姜超", sex=1, change=_benefit("unemployment", "ended", None)),
    Demo("no_policy_on_file", "参保地没有政策文件在案", "Insured where no policy is on file", "110000", "inpatient", "yes", "崔宁", county="130702"),
    Demo("resident", "居民医保，长期备案", "Resident insurance, filed", "110000", "inpatient", "yes", "钟颖", insurance="390", category="adult"),
    Demo("provisional_loss_ended", "临时挂失已自动解除", "Provisional report ended by itself", "110000", "inpatient", "yes", "谭林", sex=1, card={"state": "loss_reported_provisionally", "until": -1}),
    Demo("transit_in_order", "第三代卡在上海乘地铁", "Third-generation card on the Shanghai metro", "310000", "transit", "yes", "陆晶"),
    Demo("culture", "用社保卡进图书馆", "Library with the card", "110000", "culture", "yes", "汪洋", sex=1),
    Demo("identity", "用社保卡证明身份", "Proves identity with the card", "440100", "identity", "yes", "范伟", sex=1),
    # The worked examples, each runnable at a counter (policies/examples/published.yaml).
    Demo("beijing_active", "北京在职，本地住院", "Employed in Beijing, hospital stay at home", "110000", "inpatient", "yes", "夏岚", county="110101", filing=None),
    Demo("beijing_retired", "北京退休，本地住院", "Retired in Beijing, hospital stay at home", "110000", "inpatient", "yes", "方国华", county="110105", age=65, sex=1, category="retired", filing=None),
    Demo("beijing_second_admission", "北京在职，年内第二次住院", "Beijing, second hospital stay of the year", "110000", "inpatient", "yes", "石磊", county="110102", sex=1, filing=None, year={"admissions": 1, "pooled": 739_500, "inpatient_in_scope": 1_000_000, "borne_in_scope": 260_500}),
    Demo("xianyang_resident", "咸阳居民，本地住院", "Resident insurance in Xianyang, stay at home", "610400", "inpatient", "yes", "秦文秀", county="610402", insurance="390", category="adult", filing=None),
    Demo("chongqing_active", "重庆在职，本地门诊", "Employed in Chongqing, outpatient care at home", "500000", "outpatient", "yes", "江红梅", county="500103", filing=None),
    Demo("chongqing_retired", "重庆退休，大额住院费用超过统筹封顶线", "Retired in Chongqing, a bill beyond the pooled fund's cap", "500000", "inpatient", "yes", "熊德明", county="500106", age=66, sex=1, category="retired", filing=None),
    Demo("chengdu_aged_63", "成都职工 63 岁，报销比例按年龄提高", "63 and insured in Chengdu: a higher rate by age", "510100", "inpatient", "yes", "侯素芬", age=63, filing=None),
    Demo("guangzhou_retired", "广州退休，本地住院", "Retired in Guangzhou, hospital stay at home", "440100", "inpatient", "yes", "黎少芬", county="440103", age=65, category="retired", filing=None),
    Demo("resident_home", "成都居民，本地住院，费用可能进入大病保险", "Resident insurance in Chengdu; a large bill reaches the serious-illness insurance", "510100", "inpatient", "yes", "龙家兴", sex=1, insurance="390", category="adult", filing=None),
    # The year so far, and every layer behind the pooled fund.
    Demo("second_admission", "成都职工，年内第二次住院，起付线降低", "Second hospital stay of the year: a lower deductible", "510100", "inpatient", "yes", "白露", filing=None, year={"admissions": 1, "pooled": 620_500, "inpatient_in_scope": 810_000, "borne_in_scope": 189_500}),
    Demo("cap_nearly_used", "住院统筹封顶线只剩 1000 元，之后由大额支付", "1,000 yuan left under the pooled fund's cap, then the large-amount fund", "510100", "inpatient", "yes", "康健", sex=1, filing=None, year={"admissions": 3, "pooled": 44_900_000, "inpatient_in_scope": 52_000_000, "borne_in_scope": 7_100_000}),
    Demo("large_amount_in_use", "统筹封顶线已用完，正由大额支付", "Beyond the cap: the large-amount fund pays", "510100", "inpatient", "yes_but", "毛建军", sex=1, age=52, filing=None, year={"admissions": 4, "pooled": 45_000_000, "over_cap": 4_000_000, "large_amount": 3_600_000, "inpatient_in_scope": 57_000_000, "borne_in_scope": 8_400_000}),
    Demo("serious_illness_near", "居民，自付费用接近大病起付线", "Resident, borne amounts near the serious-illness deductible", "510100", "inpatient", "yes", "邱月娥", age=55, insurance="390", category="adult", filing=None, year={"admissions": 2, "pooled": 3_700_000, "inpatient_in_scope": 5_450_000, "borne_in_scope": 1_750_000}),
    Demo("serious_illness_in_use", "居民，大病保险已开始支付", "Resident, the serious-illness insurance already pays", "510100", "inpatient", "yes", "顾长林", sex=1, age=59, insurance="390", category="adult", filing=None, year={"admissions": 1, "pooled": 8_126_000, "inpatient_in_scope": 12_000_000, "borne_in_scope": 3_874_000, "serious_illness": 1_244_400}),
    # Medical accounts.
    Demo("retired_with_account", "退休，个人账户余额 5000 元", "Retired, 5,000 yuan in the medical account", "510100", "outpatient", "yes", "史玉珍", age=67, category="retired", filing=None, balance=500_000),
    Demo("account_empty", "个人账户余额为零", "Nothing in the medical account", "510100", "pharmacy", "yes", "严冬", sex=1, filing=None, balance=0),
    Demo("flexible", "灵活就业，没有个人账户", "Flexible employment, no medical account", "510100", "outpatient", "yes", "尹航", sex=1, category="flexible", filing=None),
    Demo("family_account", "居民，由配偶的个人账户共济支付", "Resident; the spouse's medical account pays", "510100", "inpatient", "yes", "戴小玲", insurance="390", category="adult", filing=None, change=_paid_by_spouse),
    Demo("family_payer", "个人账户授权给配偶使用", "Lets the spouse use the medical account", "510100", "inpatient", "yes", "武刚", sex=1, filing=None, balance=800_000),
    # Who one is.
    Demo("minor", "未成年居民，本地住院", "A minor, hospital stay at home", "510100", "inpatient", "yes_but", "邵子涵", age=11, insurance="390", category="minor", person={"guardianship": True}, filing=None),
    Demo("student", "北京在校学生", "A student in Beijing", "110000", "inpatient", "yes", "孔令宇", county="110108", sex=1, age=20, insurance="390", category="student", filing=None),
    Demo("elderly_resident", "上海居民，70 岁以上", "Resident insurance in Shanghai, over 70", "310000", "inpatient", "yes", "陆阿宝", county="310101", sex=1, age=74, insurance="390", category="elderly", filing=None),
    Demo("shanghai_active", "上海在职，门诊住院合并封顶", "Employed in Shanghai: one cap for all care", "310000", "outpatient", "yes", "钱思齐", county="310104", filing=None),
    Demo("low_income", "低保居民", "Resident on minimum living allowance", "510100", "inpatient", "yes", "万福来", sex=1, age=61, insurance="390", category="elderly", filing=None, groups=("low_income",)),
    Demo("destitute_and_disabled", "特困且重度残疾的居民", "Destitute and severely disabled resident", "510100", "inpatient", "yes", "汤有根", sex=1, age=57, insurance="390", category="adult", filing=None, groups=("destitute", "disabled")),
    Demo("orphan", "孤儿", "An orphan", "510100", "inpatient", "yes_but", "于小满", age=13, insurance="390", category="minor", person={"guardianship": True}, filing=None, groups=("orphan",)),
    Demo("civil_servant", "公务员，有补助", "Civil servant with supplement", "510100", "inpatient", "yes", "段誉文", sex=1, age=45, filing=None, groups=("civil_servant",)),
    Demo("veteran", "优抚对象，有企业补充医疗保险", "Veteran with an enterprise supplement", "510100", "inpatient", "yes", "雷卫国", sex=1, age=58, filing=None, groups=("veteran", "enterprise_supplement")),
    Demo("tier_two", "重庆居民，二档缴费", "Chongqing resident, higher contribution tier", "500000", "inpatient", "yes", "覃丽华", county="500106", insurance="390", category="adult", filing=None, groups=("tier_two",)),
    Demo("named_disease", "上海居民，大病病种", "Shanghai resident with a named serious disease", "310000", "inpatient", "yes", "龚美娟", county="310115", age=50, insurance="390", category="adult", filing=None, groups=("named_disease",)),
    # Away from home, and bound to a provider.
    Demo("posted_worker", "派驻上海工作，已备案", "Posted to Shanghai for work, filed", "310000", "outpatient", "yes", "樊志远", sex=1, filing=("long_term", "310000"), subkind="posted_worker"),
    Demo("resident_filing_none", "居民，没有备案去北京", "Resident going to Beijing without a filing", "110000", "inpatient", "yes_but", "贺敏芝", insurance="390", category="adult", filing=None),
    Demo("same_province", "泸州参保，去成都住院", "Insured in Luzhou, hospital stay in Chengdu", "510100", "inpatient", "yes", "文晓东", county="510502", sex=1, filing=None),
    Demo("exempt_pair_back", "重庆参保，来成都看病，川渝免备案", "Insured in Chongqing, treated in Chengdu: no filing needed", "510100", "inpatient", "yes", "向阳", county="500107", sex=1, filing=None),
    Demo("chronic_dialysis", "广州职工，透析已登记", "Guangzhou, dialysis registered", "440100", "chronic", "yes", "莫志豪", county="440106", sex=1, age=49, filing=None, disease="慢性肾功能衰竭透析"),
    Demo("chronic_home", "北京退休，高血压已登记，本地门诊", "Retired in Beijing, hypertension registered, treated at home", "110000", "chronic", "yes", "常淑兰", county="110106", age=69, category="retired", filing=None, disease="高血压"),
    Demo("provider_selected", "选定了一家社区医院作门诊定点", "Chose a community hospital for outpatient care", "510100", "outpatient", "yes", "包容", sex=1, filing=None, change=_chosen_provider),
    Demo("moved_for_work", "到北京工作，还没有卡", "Works in Beijing, no card yet", "110000", "inpatient", "no", "林秋月", age=38, card=None, filing=None),
    Demo("mother_of_moved", "在成都领养老金，女儿在北京工作", "Draws her pension in Chengdu; her daughter works in Beijing", "510100", "pension", "yes", "何淑琴", **_RETIRED, change=_mother),
)
# fmt: on


def make(
    vault: Vault, shared: Mapping[SharedName, int], now: datetime, pin: str | None = None
) -> Rows:
    """The rows of all of them, with the first person ids."""
    rows = Rows(vault, now, shared, 0, pin)
    for position, demo in enumerate(DEMOS):
        _one(rows, demo, FIRST_ID + position, position, now)
    return rows.finish()


def _one(rows: Rows, demo: Demo, person_id: int, position: int, now: datetime) -> None:
    today = now.date()
    birth = date(today.year - demo.age, 1, 1) - _days(1 + position)
    if demo.age < 18:
        birth = today - _days(demo.age * 366)
    # Order numbers from 980 up are left to them; the drawn people have theirs by chunk.
    sequence = 980 + position % 10 * 2 + (1 if demo.sex == 1 else 0)
    facts: dict[str, Any] = {"confirmed_on": -30, **demo.person}
    for key in ("confirmed_on", "died_on"):
        if key in facts:
            facts[key] = today + _days(facts[key])
    home = regions.get(demo.county).pooled_in
    rows.person(
        person_id,
        id_number(origins(home, birth.year)[0], birth, sequence),
        demo.name,
        demo.sex,
        birth,
        demo.county,
        f"1990000{position:04d}",
        f"演示地址{position + 1}号",
        facts.pop("confirmed_on"),
        **facts,
    )
    _insure(rows, demo, person_id, home, today)
    _card(rows, demo, person_id, home, now)
    if demo.filing is not None and demo.insurance in ("310", "390"):
        kind, destination = demo.filing
        until = None if kind == "long_term" else today + _days(150)
        starts = today - _days(30 if until else 400)
        subkind = None
        if kind == "long_term":
            settler = demo.category == "retired"
            subkind = demo.subkind or ("retired_settler" if settler else "long_term_resident")
        rows.filing(
            person_id, kind, demo.insurance, home, destination, starts, until, subkind=subkind
        )
    for group in demo.groups:
        rows.add("special_groups", person_id, group, today - _days(400), None)
    if demo.disease is not None:
        rows.add("chronic_registrations", person_id, demo.disease, today - _days(400), None)
    if demo.year and demo.insurance is not None:
        starts_on = year_start(home, demo.insurance, today)
        rows.year(person_id, demo.insurance, starts_on, **demo.year)
    if demo.change is not None:
        demo.change(rows, person_id, today)
    rows.add(
        "demo_persons", demo.situation, position, person_id, demo.zh, demo.en, demo.try_region,
        demo.try_service, demo.expects,
    )  # fmt: skip


def _insure(rows: Rows, demo: Demo, person_id: int, home: str, today: date) -> None:
    if demo.insurance is None:
        return
    since = today - _days(2000)
    facts: dict[str, Any] = dict(demo.enrolment)
    for key in ("suspended_on", "arrears_since", "benefits_from", "ends_on"):
        if key in facts:
            facts[key] = today + _days(facts[key])
    months = 240 if demo.category == "retired" else 65
    rows.enrolment(
        person_id, demo.insurance, since, home, demo.category, months=months,
        balance=demo.balance, **facts,
    )  # fmt: skip
    if demo.insurance == "310":
        rows.enrolment(person_id, "110", since, home, demo.category, months=months)
        if demo.category == "active":
            rows.enrolment(person_id, "210", since, home, demo.category, months=months)
    elif demo.category == "adult":
        rows.enrolment(person_id, "150", since, home, demo.category, months=months)


def _card(rows: Rows, demo: Demo, person_id: int, home: str, now: datetime) -> None:
    if demo.card is None:
        return
    facts: dict[str, Any] = dict(demo.card)
    ordinal = facts.pop("ordinal", 0)
    issued = now.date() - _days(facts.pop("issued", 700))
    name = facts.pop("name", demo.name)
    until = facts.pop("until", 10)
    if facts.get("state") == "loss_reported_provisionally":
        facts["provisional_until"] = now + _days(until)
    rows.card(person_id, ordinal, home, name, issued, **facts)

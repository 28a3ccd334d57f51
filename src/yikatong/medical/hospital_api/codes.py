"""The code tables (代码表) of the national interface, and how they map to the project's words.

Every code stands here and nowhere else. `recalled` marks a table that was written down from memory
and from clients seen in the field, not from the official text: compare it before relying on it.
"""

from typing import Final

import msgspec

from yikatong.core.errors import Text
from yikatong.medical.model import Level
from yikatong.medical.visits.model import Setting
from yikatong.people.model import Category
from yikatong.policies.model import Care


class Codes(msgspec.Struct, frozen=True):
    """A code table: code → what it means."""

    name: str
    """The field that it belongs to."""
    entries: dict[str, Text]
    recalled: bool = True

    def only(self, *codes: str) -> "Codes":
        """The part of the table that one transaction takes."""
        return Codes(self.name, {code: self.entries[code] for code in codes}, self.recalled)

    @property
    def allowed(self) -> Text:
        """The codes with their meanings, for an error."""
        return Text(
            "、".join(f"{code} {text.zh}" for code, text in self.entries.items()),
            ", ".join(f"{code} {text.en}" for code, text in self.entries.items()),
        )


def _codes(name: str, entries: dict[str, tuple[str, str]], *, recalled: bool = True) -> Codes:
    return Codes(name, {code: Text(zh, en) for code, (zh, en) in entries.items()}, recalled)


# ---- person and insurance ----

INSURANCES: Final = _codes(
    "insutype",
    {
        "310": ("职工基本医疗保险", "employees' basic medical insurance"),
        "390": ("城乡居民基本医疗保险", "residents' basic medical insurance"),
        "320": ("公务员医疗补助", "civil-servant supplement"),
        "330": ("大额医疗费用补助", "large-amount supplement"),
        "340": ("离休人员医疗保障", "retired veterans"),
        "370": ("企业补充医疗保险", "enterprise supplement"),
        "392": ("城乡居民大病医疗保险", "residents' serious illness"),
        "510": ("生育保险", "maternity"),
        "410": ("工伤保险", "work injury"),
        "110": ("职工基本养老保险", "employees' pension"),
        "150": ("城乡居民基本养老保险", "residents' pension"),
        "210": ("失业保险", "unemployment"),
    },
)
BASIC_INSURANCES: Final = INSURANCES.only("310", "390")

PERSON_TYPES: Final = _codes(
    "psn_type",
    {
        "1101": ("职工在职", "active employee"),
        "1102": ("公务员在职", "active civil servant"),
        "1103": ("灵活就业人员在职", "flexibly employed"),
        "1201": ("职工退休", "retired employee"),
        "1202": ("公务员退休", "retired civil servant"),
        "1300": ("离休人员", "retired veteran"),
        "1403": ("中小学生", "school pupil"),
        "1404": ("大学生", "university student"),
        "1405": ("未成年（未入学）", "minor, not at school"),
        "1501": ("普通居民（成年）", "adult resident"),
        "1600": ("居民（老年）", "elderly resident"),
    },
)
_TYPE_OF_CATEGORY: Final[dict[Category, str]] = {
    "active": "1101", "flexible": "1103", "retired": "1201", "minor": "1405", "student": "1403",
    "adult": "1501", "elderly": "1600",
}  # fmt: skip
_TYPE_OF_CIVIL_SERVANT: Final[dict[Category, str]] = {"active": "1102", "retired": "1202"}
_SCHOOL_AGE_MAX: Final = 18


def person_type(category: Category, age: int, *, civil_servant: bool) -> str:
    """psn_type of an enrolment."""
    if civil_servant and category in _TYPE_OF_CIVIL_SERVANT:
        return _TYPE_OF_CIVIL_SERVANT[category]
    if category == "student" and age > _SCHOOL_AGE_MAX:
        return "1404"
    return _TYPE_OF_CATEGORY[category]


INSURED_STATES: Final = _codes(
    "psn_insu_stas",
    {"1": ("正常参保", "insured"), "2": ("暂停参保", "suspended"), "4": ("终止参保", "ended")},
)
INSURED_STATE_OF: Final = {"insured": "1", "suspended": "2", "in_transfer": "2", "ended": "4"}

SEXES: Final = _codes(
    "gend",
    {
        "1": ("男", "male"),
        "2": ("女", "female"),
        "0": ("未知", "unknown"),
        "9": ("未说明", "unstated"),
    },
)

PERSON_CERTIFICATES: Final = _codes(
    "psn_cert_type",
    {
        "01": ("居民身份证", "resident id card"),
        "04": ("港澳居民来往内地通行证", "Hong Kong and Macau permit"),
        "05": ("台湾居民来往大陆通行证", "Taiwan permit"),
        "06": ("护照", "passport"),
        "07": ("外国人永久居留证", "foreign permanent residence"),
    },
)
RESIDENT_ID: Final = "01"

SPECIAL_GROUPS: Final = _codes(
    "psn_idet_type",
    {
        "05": ("公务员", "civil servant"),
        "21": ("优抚人员", "veteran or other entitled group"),
        "2303": ("低保救助对象", "low-income household"),
        "2304": ("特困救助对象", "destitute"),
        "2308": ("残疾人员", "disabled"),
        "60": ("其他特殊待遇人员", "another special group"),
    },
)
_GROUP_CODES: Final = {
    "civil_servant": "05", "veteran": "21", "low_income": "2303", "destitute": "2304",
    "disabled": "2308",
}  # fmt: skip
GROUP_NAMES: Final = {
    "civil_servant": "公务员", "veteran": "优抚对象", "low_income": "低保、低收入",
    "destitute": "特困", "disabled": "重度残疾", "orphan": "孤儿", "student": "在校学生",
    "minor": "未成年人", "enterprise_supplement": "企业补充", "tier_one": "一档缴费",
    "tier_two": "二档缴费", "first_year": "参保第一年",
}  # fmt: skip


def group_code(group: str) -> str:
    """psn_idet_type of a special group (人员身份)."""
    return _GROUP_CODES.get(group, "60")


# ---- the visit ----

VISIT_CERTIFICATES: Final = _codes(
    "mdtrt_cert_type",
    {
        "01": ("医保电子凭证", "e-card"),
        "02": ("居民身份证", "id number"),
        "03": ("社会保障卡", "card"),
    },
    recalled=False,
)
CERTIFICATE_KIND: Final = {"01": "e_card", "02": "id_number", "03": "card"}
CERTIFICATE_CODE: Final = {kind: code for code, kind in CERTIFICATE_KIND.items()}

CARES: Final = _codes(
    "med_type",
    {
        "11": ("普通门诊", "outpatient"),
        "12": ("门诊挂号", "outpatient registration"),
        "13": ("急诊", "emergency"),
        "14": ("门诊慢特病", "chronic or special disease, outpatient"),
        "21": ("普通住院", "inpatient"),
        "22": ("外伤住院", "inpatient, injury"),
        "23": ("转外诊治住院", "inpatient, transferred"),
        "24": ("急诊转住院", "emergency, then inpatient"),
        "28": ("日间手术", "day surgery"),
        "41": ("定点药店购药", "pharmacy"),
        "51": ("生育门诊", "maternity, outpatient"),
        "52": ("生育住院", "maternity, inpatient"),
    },
)
CARE_OF: Final[dict[str, Care]] = {
    "11": "outpatient", "12": "outpatient", "13": "emergency", "14": "chronic",
    "21": "inpatient", "22": "inpatient", "23": "inpatient", "24": "inpatient",
    "28": "inpatient", "41": "pharmacy", "51": "outpatient", "52": "inpatient",
}  # fmt: skip
OUTPATIENT_CARES: Final = CARES.only("11", "12", "13", "14", "51")
INPATIENT_CARES: Final = CARES.only("21", "22", "23", "24", "28", "52")
PHARMACY_CARES: Final = CARES.only("41")

DIAGNOSIS_KINDS: Final = _codes(
    "diag_type",
    {
        "1": ("西医诊断", "western"),
        "2": ("中医主病诊断", "Chinese medicine, disease"),
        "3": ("中医主证诊断", "Chinese medicine, syndrome"),
    },
)
DISCHARGE_WAYS: Final = _codes(
    "dscg_way",
    {
        "1": ("医嘱离院", "on medical order"),
        "2": ("医嘱转院", "transfer to another hospital"),
        "3": ("医嘱转社区卫生服务机构", "transfer to a community centre"),
        "4": ("非医嘱离院", "against medical order"),
        "5": ("死亡", "death"),
        "9": ("其他", "other"),
    },
)
DISCHARGE_WAY: Final = {
    "1": "ordered", "2": "transferred", "3": "transferred_to_community", "4": "against_order",
    "5": "death", "9": "other",
}  # fmt: skip

FLAGS: Final = _codes("…_flag", {"0": ("否", "no"), "1": ("是", "yes")}, recalled=False)
HOSPITAL_DECISIONS: Final = _codes(
    "hosp_appr_flag",
    {
        "0": ("无须审批", "nothing to decide"),
        "1": ("审批通过", "approved"),
        "2": ("转自费", "treat the line as self-paid"),
    },
)
TREAT_AS_SELF_PAID: Final = "2"

DISEASES: Final = _codes(
    "dise_codg",
    {
        "M03900": ("高血压", "hypertension"),
        "M01600": ("糖尿病", "diabetes"),
        "M07800": ("慢性肾功能衰竭透析", "chronic kidney failure, dialysis"),
        "M00500": ("恶性肿瘤门诊治疗", "malignant tumour, outpatient"),
        "M08300": ("器官移植抗排异", "anti-rejection after transplant"),
        "M04600": ("冠心病", "coronary heart disease"),
        "M05300": ("慢性阻塞性肺疾病", "chronic obstructive lung disease"),
        "M06900": ("类风湿关节炎", "rheumatoid arthritis"),
        "M07200": ("强直性脊柱炎", "ankylosing spondylitis"),
    },
)
DISEASE_CODE: Final = {text.zh: code for code, text in DISEASES.entries.items()}

# ---- settlement ----

SETTLING_WAYS: Final = _codes(
    "psn_setlway",
    {"01": ("按项目结算", "by item"), "02": ("按定额结算", "by quota")},
    recalled=False,
)
CLEARING_TYPES: Final = _codes(
    "clr_type",
    {
        "11": ("门诊", "outpatient"),
        "21": ("住院", "inpatient"),
        "41": ("药店购药", "pharmacy"),
        "99": ("其他", "other"),
    },
)
CLEARING_TYPE_OF: Final[dict[Setting, str]] = {
    "outpatient": "11",
    "inpatient": "21",
    "pharmacy": "41",
}
CLEARING_WAYS: Final = _codes(
    "clr_way",
    {
        "1": ("按项目", "by item"),
        "2": ("单病种", "single disease"),
        "3": ("按定额", "by quota"),
        "6": ("DRG/DIP", "DRG or DIP"),
    },
)
CLEARED_BY_ITEM: Final = "1"

FUNDS: Final = _codes(
    "fund_pay_type",
    {
        "310100": ("职工基本医疗保险统筹基金", "employees' pooled fund"),
        "310200": ("职工基本医疗保险个人账户", "medical account"),
        "310300": ("职工大病保险资金", "employees' serious-illness insurance"),
        "320100": ("公务员医疗补助资金", "civil-servant supplement"),
        "330100": ("大额医疗费用补助基金", "large-amount fund"),
        "370100": ("企业补充医疗保险基金", "enterprise supplement"),
        "390100": ("城乡居民基本医疗保险基金", "residents' pooled fund"),
        "390200": ("城乡居民大病保险资金", "residents' serious-illness insurance"),
        "610100": ("医疗救助基金", "medical assistance"),
    },
)
FUND_OF: Final[dict[tuple[str, str], str]] = {
    ("pooled", "310"): "310100",
    ("pooled", "390"): "390100",
    ("large_amount", "310"): "330100",
    ("large_amount", "390"): "330100",
    ("serious_illness", "310"): "310300",
    ("serious_illness", "390"): "390200",
    ("civil_servant", "310"): "320100",
    ("civil_servant", "390"): "320100",
    ("assistance", "310"): "610100",
    ("assistance", "390"): "610100",
}
"""fund_pay_type by layer and insurance."""

ITEM_CLASSES: Final = _codes(
    "chrgitm_lv",
    {
        "01": ("甲类", "class A"),
        "02": ("乙类", "class B"),
        "03": ("丙类，自费", "class C, self-paid"),
    },
    recalled=False,
)
ITEM_CLASS_CODE: Final = {"A": "01", "B": "02", "C": "03"}

CHARGE_KINDS: Final = _codes(
    "med_chrgitm_type",
    {
        "01": ("床位费", "bed"),
        "02": ("诊察费", "consultation"),
        "03": ("检查费", "examination"),
        "04": ("化验费", "laboratory"),
        "05": ("治疗费", "treatment"),
        "06": ("手术费", "surgery"),
        "07": ("护理费", "nursing"),
        "08": ("卫生材料费", "material"),
        "09": ("西药费", "western drug"),
        "10": ("中药饮片费", "Chinese herbs"),
        "11": ("中成药费", "Chinese patent drug"),
        "12": ("一般诊疗费", "general consultation"),
        "13": ("挂号费", "registration"),
        "14": ("其他费", "other"),
    },
)
_CHARGE_KIND_OF: Final = {
    "X": "09", "Z": "11", "T": "10", "C": "08",
    "001101": "13", "001102": "02", "001103": "07", "001109": "01",
    "0012": "07", "0021": "03", "0022": "03", "0023": "03", "0024": "05", "0025": "04",
    "0026": "04", "0027": "04", "0031": "05", "0032": "05", "0033": "06", "0034": "05",
    "0041": "05", "0043": "05",
}  # fmt: skip
"""By the beginning of the national catalog's code: a letter, or the class of a service."""


def charge_kind(item: str) -> str:
    """med_chrgitm_type of an item of the national catalog."""
    kinds = _CHARGE_KIND_OF
    return kinds.get(item[:1]) or kinds.get(item[:6]) or kinds.get(item[:4]) or "14"


# ---- what a person is entitled to ----

CHECK_KINDS: Final = _codes("trt_chk_type", {"01": ("基金款项", "fund"), "99": ("其他", "other")})

ACCUMULATED: Final = _codes(
    "cum_type_code",
    {
        "C0000": ("住院次数", "admissions"),
        "Q0000_BIZ11": ("门诊起付线累计", "outpatient deductible borne"),
        "Q0000_BIZ14": ("门诊慢特病起付线累计", "chronic-disease deductible borne"),
        "D310101": ("职工统筹基金支付累计（住院）", "employees' pooled fund, inpatient"),
        "D310101_BIZ11": ("职工统筹基金支付累计（门诊）", "employees' pooled fund, outpatient"),
        "D310101_BIZ14": ("职工统筹基金支付累计（慢特病）", "employees' pooled fund, chronic"),
        "D390101": ("居民统筹基金支付累计（住院）", "residents' pooled fund, inpatient"),
        "D390101_BIZ11": ("居民统筹基金支付累计（门诊）", "residents' pooled fund, outpatient"),
        "D390101_BIZ14": ("居民统筹基金支付累计（慢特病）", "residents' pooled fund, chronic"),
        "D330101": ("大额补助支付累计", "large-amount fund"),
        "D310301": ("职工大病保险支付累计", "employees' serious-illness insurance"),
        "D390201": ("居民大病保险支付累计", "residents' serious-illness insurance"),
        "D320101": ("公务员补助支付累计", "civil-servant supplement"),
        "D610101": ("医疗救助支付累计", "medical assistance"),
        "TS310301": ("职工大病合规费用累计", "borne in scope, towards serious illness, employees"),
        "TS390201": ("居民大病合规费用累计", "borne in scope, towards serious illness, residents"),
        "TS330101": ("统筹封顶线以上费用累计", "in scope above the pooled fund's cap"),
        "S0000": ("住院政策范围内费用累计", "in scope, inpatient"),
        "S0000_BIZ11": ("门诊政策范围内费用累计", "in scope, outpatient"),
        "S0000_BIZ14": ("慢特病政策范围内费用累计", "in scope, chronic"),
    },
)
_ACCUMULATED_CODE: Final = {
    "admissions": "C0000",
    "outpatient_deductible": "Q0000_BIZ11",
    "chronic_deductible": "Q0000_BIZ14",
    "pooled": "D{}101",
    "outpatient_pooled": "D{}101_BIZ11",
    "chronic_pooled": "D{}101_BIZ14",
    "large_amount": "D330101",
    "civil_servant": "D320101",
    "assistance": "D610101",
    "over_cap": "TS330101",
    "inpatient_in_scope": "S0000",
    "outpatient_in_scope": "S0000_BIZ11",
    "chronic_in_scope": "S0000_BIZ14",
}
_SERIOUS: Final = {
    ("serious_illness", "310"): "D310301",
    ("serious_illness", "390"): "D390201",
    ("borne_in_scope", "310"): "TS310301",
    ("borne_in_scope", "390"): "TS390201",
}


def accumulated_code(name: str, insurance: str) -> str:
    """cum_type_code of an accumulator of the year."""
    return _SERIOUS.get((name, insurance)) or _ACCUMULATED_CODE[name].format(insurance)


# ---- providers and reconciliation ----

PROVIDER_KINDS: Final = _codes(
    "fixmedins_type",
    {"1": ("定点医疗机构", "hospital"), "2": ("定点零售药店", "pharmacy")},
    recalled=False,
)
PROVIDER_KIND_CODE: Final = {"hospital": "1", "pharmacy": "2"}
PROVIDER_LEVELS: Final = _codes(
    "hosp_lv",
    {
        "01": ("三级特等", "tertiary, special"),
        "02": ("三级甲等", "tertiary A"),
        "03": ("三级乙等", "tertiary B"),
        "04": ("三级丙等", "tertiary C"),
        "05": ("二级甲等", "secondary A"),
        "06": ("二级乙等", "secondary B"),
        "07": ("二级丙等", "secondary C"),
        "08": ("一级甲等", "primary A"),
        "09": ("一级乙等", "primary B"),
        "10": ("一级丙等", "primary C"),
        "11": ("无等级", "ungraded"),
    },
)
PROVIDER_LEVEL_CODE: Final[dict[Level, str]] = {
    "tertiary": "02", "secondary": "05", "primary": "08", "community": "11",
}  # fmt: skip
"""The grade within a level is not kept: A stands for all of it."""
STATEMENT_RESULTS: Final = _codes(
    "stmt_rslt", {"0": ("一致", "agrees"), "1": ("不一致", "differs")}
)
SETTLING_PLACES: Final = _codes(
    "pay_loc",
    {
        "1": ("经办机构", "agency"),
        "2": ("医药机构", "provider"),
        "3": ("省内异地", "elsewhere in the province"),
        "4": ("跨省异地", "another province"),
    },
)
SETTLING_CHANNELS: Final = _codes(
    "setl_type", {"1": ("中心报销", "at the agency"), "2": ("联网结算", "online")}
)
TABLES: Final = (
    INSURANCES, PERSON_TYPES, INSURED_STATES, SEXES, PERSON_CERTIFICATES, SPECIAL_GROUPS,
    VISIT_CERTIFICATES, CARES, DIAGNOSIS_KINDS, DISCHARGE_WAYS, FLAGS, HOSPITAL_DECISIONS,
    DISEASES, SETTLING_WAYS, CLEARING_TYPES, CLEARING_WAYS, FUNDS, ITEM_CLASSES, CHARGE_KINDS,
    CHECK_KINDS, ACCUMULATED, PROVIDER_KINDS, PROVIDER_LEVELS, STATEMENT_RESULTS,
    SETTLING_PLACES, SETTLING_CHANNELS,
)  # fmt: skip

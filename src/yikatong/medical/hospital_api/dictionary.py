"""The data dictionary (数据字典): every field of the transactions, once.

Names, Chinese titles and lengths are the standard's; `word` is what the field is called inside and,
with blanks, its English title.
"""

from datetime import date, datetime
from typing import Any, Final

import msgspec

from yikatong.medical.hospital_api import codes, fields
from yikatong.medical.hospital_api.codes import Codes
from yikatong.medical.hospital_api.fields import Reader


class Field(msgspec.Struct, frozen=True):
    """A field: what it is called, and how it is read."""

    name: str
    title: str
    word: str
    kind: str
    """text, number, code, amount, … as the reference names it."""
    length: str
    read: Reader
    codes: Codes | None = None

    def only(self, table: Codes) -> "Field":
        """The field as one transaction takes it: with part of its codes."""
        return msgspec.structs.replace(self, codes=table, read=fields.code(table))


def _text(name: str, length: int, word: str, title: str) -> Field:
    return Field(name, title, word, "text", str(length), fields.text(length))


def _code(name: str, table: Codes, word: str, title: str) -> Field:
    longest = max(len(code) for code in table.entries)
    return Field(name, title, word, "code", str(longest), fields.code(table), table)


def _flag(name: str, word: str, title: str) -> Field:
    return _code(name, codes.FLAGS, word, title)


def _number(name: str, word: str, title: str) -> Field:
    return Field(name, title, word, "number", "19", fields.number)


def _amount(name: str, word: str, title: str) -> Field:
    return Field(name, title, word, "amount", "16,2", fields.amount)


def _rate(name: str, word: str, title: str) -> Field:
    return Field(name, title, word, "rate", "7,6", fields.price)


def _count(name: str, digits: int, word: str, title: str) -> Field:
    return Field(name, title, word, "count", str(digits), fields.count(10**digits - 1))


def _date(name: str, word: str, title: str) -> Field:
    return Field(name, title, word, "date", "10", fields.day)


def _time(name: str, word: str, title: str) -> Field:
    return Field(name, title, word, "time", "19", fields.moment)


def _region(name: str, word: str, title: str) -> Field:
    return Field(name, title, word, "region", "6", fields.region)


def _diagnosis(name: str, word: str, title: str) -> Field:
    return Field(name, title, word, "diagnosis", "30", fields.diagnosis)


_FIELDS: Final = (
    # who
    _number("psn_no", "person_number", "人员编号"),
    _text("psn_name", 50, "name", "人员姓名"),
    _code("psn_cert_type", codes.PERSON_CERTIFICATES, "id_document_kind", "人员证件类型"),
    _text("certno", 50, "id_document_number", "证件号码"),
    _code("gend", codes.SEXES, "sex", "性别"),
    _text("naty", 3, "ethnic_group", "民族"),
    _date("brdy", "birth_date", "出生日期"),
    Field("age", "年龄", "age", "count", "4,1", fields.text(5)),
    _text("tel", 50, "phone", "联系电话"),
    _text("addr", 200, "address", "联系地址"),
    _text("coner_name", 50, "contact", "联系人姓名"),
    # how insured
    _code("insutype", codes.BASIC_INSURANCES, "insurance", "险种类型"),
    _code("psn_type", codes.PERSON_TYPES, "category", "人员类别"),
    _code("psn_insu_stas", codes.INSURED_STATES, "state_of_insurance", "人员参保状态"),
    _date("psn_insu_date", "insured_since", "个人参保日期"),
    _date("paus_insu_date", "suspended_since", "暂停参保日期"),
    _flag("cvlserv_flag", "civil_servant", "公务员标志"),
    _region("insuplc_admdvs", "insured_region", "参保地医保区划"),
    _text("emp_name", 200, "employer", "单位名称"),
    _amount("balc", "balance_of_the_medical_account", "余额"),
    _code("psn_idet_type", codes.SPECIAL_GROUPS, "special_group", "人员身份类别"),
    _text("psn_type_lv", 3, "grade_in_the_group", "人员类别等级"),
    # what was shown
    _code("mdtrt_cert_type", codes.VISIT_CERTIFICATES, "certificate", "就诊凭证类型"),
    # The code of an e-card (mdtrt_cert_type 01) is longer than the standard's 50.
    _text("mdtrt_cert_no", 600, "certificate_number", "就诊凭证编号"),
    _text("card_sn", 32, "card_identifier", "卡识别码"),
    # the visit
    _number("mdtrt_id", "visit", "就诊ID"),
    _code("med_type", codes.CARES, "kind_of_care", "医疗类别"),
    _time("begntime", "begun_at", "开始时间"),
    _time("endtime", "ended_at", "结束时间"),
    _text("ipt_otp_no", 30, "number", "住院/门诊号"),
    _text("ipt_no", 30, "number", "住院号"),
    _text("medrcdno", 30, "medical_record", "病历号"),
    _text("atddr_no", 30, "doctor_code", "医师编码"),
    _text("dr_name", 50, "doctor", "医师姓名"),
    _text("chfpdr_name", 50, "doctor", "主诊医师姓名"),
    _text("dept_code", 30, "department_code", "科室编码"),
    _text("dept_name", 100, "department", "科室名称"),
    _text("caty", 10, "specialty", "科别"),
    _text("main_cond_dscr", 1000, "condition", "主要病情描述"),
    _text("dise_codg", 30, "disease_code", "病种编码"),
    _text("dise_name", 500, "disease", "病种名称"),
    _text("dise_type_code", 6, "kind_of_disease", "病种类型"),
    _text("oprn_oprt_code", 30, "operation_code", "手术操作代码"),
    _text("oprn_oprt_name", 500, "operation", "手术操作名称"),
    _text("matn_type", 6, "kind_of_birth", "生育类别"),
    _text("birctrl_type", 6, "birth_control_operation", "计划生育手术类别"),
    _date("birctrl_matn_date", "birth_or_operation_on", "计划生育手术或生育日期"),
    _text("fpsc_no", 50, "family_planning_certificate", "计划生育服务证号"),
    _flag("latechb_flag", "late_birth", "晚育标志"),
    _count("geso_val", 2, "weeks_of_pregnancy", "孕周数"),
    _count("fetts", 3, "which_pregnancy", "胎次"),
    _count("fetus_cnt", 3, "foetuses", "胎儿数"),
    _flag("pret_flag", "premature", "早产标志"),
    _text("adm_diag_dscr", 200, "diagnosis_at_admission", "入院诊断描述"),
    _text("adm_dept_codg", 30, "department_code", "入院科室编码"),
    _text("adm_dept_name", 100, "department", "入院科室名称"),
    _text("adm_bed", 30, "bed", "入院床位"),
    _diagnosis("dscg_maindiag_code", "main_diagnosis_code", "住院主诊断代码"),
    _text("dscg_maindiag_name", 300, "main_diagnosis", "住院主诊断名称"),
    _flag("cop_flag", "complications", "伴有并发症标志"),
    _text("dscg_dept_codg", 30, "discharging_department_code", "出院科室编码"),
    _text("dscg_dept_name", 100, "discharging_department", "出院科室名称"),
    _text("dscg_bed", 30, "bed_at_discharge", "出院床位"),
    _code("dscg_way", codes.DISCHARGE_WAYS, "way_of_discharge", "离院方式"),
    _date("die_date", "died_on", "死亡日期"),
    # diagnoses
    _code("diag_type", codes.DIAGNOSIS_KINDS, "kind_of_diagnosis", "诊断类别"),
    _flag("maindiag_flag", "main_diagnosis", "主诊断标志"),
    _count("diag_srt_no", 2, "order_of_diagnosis", "诊断排序号"),
    _diagnosis("diag_code", "diagnosis_code", "诊断代码"),
    _text("diag_name", 100, "diagnosis", "诊断名称"),
    _text("diag_dept", 50, "diagnosing_department", "诊断科室"),
    _text("dise_dor_no", 30, "diagnosing_doctor_code", "诊断医师编码"),
    _text("dise_dor_name", 50, "diagnosing_doctor", "诊断医师姓名"),
    _time("diag_time", "diagnosed_at", "诊断时间"),
    _text("adm_cond", 500, "condition_at_admission", "入院病情"),
    _flag("vali_flag", "valid", "有效标志"),
    # fee lines
    _text("feedetl_sn", 30, "line_number", "费用明细流水号"),
    _text("init_feedetl_sn", 30, "gives_back_line", "原费用流水号"),
    _text("chrg_bchno", 30, "batch", "收费批次号"),
    _text("rxno", 30, "prescription", "处方号"),
    _flag("rx_circ_flag", "prescription_from_elsewhere", "外购处方标志"),
    _text("drord_no", 30, "doctors_order", "医嘱号"),
    _time("fee_ocur_time", "charged_at", "费用发生时间"),
    _text("med_list_codg", 50, "catalog_code", "医疗目录编码"),
    _text("medins_list_codg", 150, "providers_own_code", "医药机构目录编码"),
    Field(
        "det_item_fee_sumamt", "明细项目费用总额", "line_total", "amount", "16,2",
        fields.signed_amount,
    ),
    Field("cnt", "数量", "quantity", "quantity", "16,4", fields.quantity),
    Field("pric", "单价", "price", "price", "16,6", fields.price),
    _text("sin_dos_dscr", 200, "single_dose", "单次剂量描述"),
    _text("used_frqu_dscr", 200, "frequency", "使用频次描述"),
    Field("prd_days", "周期天数", "days", "quantity", "6,2", fields.quantity),
    _text("medc_way_dscr", 200, "route", "用药途径描述"),
    _text("bilg_dept_codg", 30, "ordering_department_code", "开单科室编码"),
    _text("bilg_dept_name", 100, "ordering_department", "开单科室名称"),
    _text("bilg_dr_codg", 30, "ordering_doctor_code", "开单医生编码"),
    _text("bilg_dr_name", 50, "ordering_doctor", "开单医师姓名"),
    _text("acord_dept_codg", 30, "performing_department_code", "受单科室编码"),
    _text("acord_dept_name", 100, "performing_department", "受单科室名称"),
    _text("orders_dr_code", 30, "performing_doctor_code", "受单医生编码"),
    _text("orders_dr_name", 50, "performing_doctor", "受单医生姓名"),
    _code("hosp_appr_flag", codes.HOSPITAL_DECISIONS, "hospitals_decision", "医院审批标志"),
    _text("tcmdrug_used_way", 6, "use_of_chinese_medicine", "中药使用方式"),
    _flag("etip_flag", "examined_elsewhere", "外检标志"),
    _text("etip_hosp_code", 30, "examining_hospital_code", "外检医院编码"),
    _flag("dscg_tkdrug_flag", "taken_home", "出院带药标志"),
    _text("matn_fee_flag", 6, "birth_fee", "生育费用标志"),
    _text("memo", 500, "remark", "备注"),
    # the split of a line
    _amount("pric_uplmt_amt", "price_limit", "定价上限金额"),
    _rate("selfpay_prop", "first_pay_share", "自付比例"),
    _amount("overlmt_amt", "above_the_price_limit", "超限价金额"),
    _code("chrgitm_lv", codes.ITEM_CLASSES, "class_of_item", "收费项目等级"),
    _code("med_chrgitm_type", codes.CHARGE_KINDS, "kind_of_charge", "医疗收费项目类别"),
    _flag("bas_medn_flag", "essential_drug", "基本药物标志"),
    _flag("hi_nego_drug_flag", "negotiated_drug", "医保谈判药品标志"),
    _flag("chld_medc_flag", "childrens_drug", "儿童用药标志"),
    _flag("list_sp_item_flag", "special_item", "目录特项标志"),
    _flag("lmt_used_flag", "restricted_use", "限制使用标志"),
    _flag("drt_reim_flag", "paid_directly", "直报标志"),
    # the settlement
    _number("setl_id", "settlement", "结算ID"),
    _time("setl_time", "settled_at", "结算时间"),
    _amount("medfee_sumamt", "total_bill", "医疗费总额"),
    _amount("fulamt_ownpay_amt", "wholly_self_paid", "全自费金额"),
    _amount("overlmt_selfpay", "above_price_limits", "超限价自费费用"),
    _amount("preselfpay_amt", "first_pay_shares", "先行自付金额"),
    _amount("inscp_scp_amt", "in_scope", "符合政策范围金额"),
    _amount("act_pay_dedc", "deductible_paid", "实际支付起付线"),
    _amount("hifp_pay", "pooled_fund_pays", "基本医疗保险统筹基金支出"),
    _rate("pool_prop_selfpay", "rate_of_the_pooled_fund", "基本医疗保险统筹基金支付比例"),
    _amount("cvlserv_pay", "civil_servant_supplement_pays", "公务员医疗补助资金支出"),
    _amount("hifes_pay", "enterprise_supplement_pays", "企业补充医疗保险基金支出"),
    _amount("hifmi_pay", "serious_illness_insurance_pays", "大病保险资金支出"),
    _amount("hifob_pay", "large_amount_fund_pays", "职工大额医疗费用补助基金支出"),
    _amount("maf_pay", "medical_assistance_pays", "医疗救助基金支出"),
    _amount("hosp_part_amt", "borne_by_the_hospital", "医院负担金额"),
    _amount("oth_pay", "other_funds_pay", "其他支出"),
    _amount("hifdm_pay", "disabled_veterans_fund_pays", "伤残人员医疗保障基金支出"),
    _amount("fund_pay_sumamt", "all_funds_pay", "基金支付总额"),
    _amount("psn_part_amt", "the_persons_part", "个人负担总金额"),
    _amount("acct_pay", "from_the_medical_account", "个人账户支出"),
    _amount("acct_mulaid_pay", "from_relatives_accounts", "个人账户共济支付金额"),
    _amount("psn_cash_pay", "cash", "个人现金支出"),
    _text("medins_setl_id", 30, "providers_message", "医药机构结算ID"),
    _region("clr_optins", "clearing_agency", "清算经办机构"),
    _code("clr_way", codes.CLEARING_WAYS, "way_of_clearing", "清算方式"),
    _code("clr_type", codes.CLEARING_TYPES, "kind_of_clearing", "清算类别"),
    _code("psn_setlway", codes.SETTLING_WAYS, "way_of_settling", "个人结算方式"),
    _flag("acct_used_flag", "use_the_medical_account", "个人账户使用标志"),
    _flag("mid_setl_flag", "interim_settlement", "中途结算标志"),
    _text("invono", 20, "invoice", "发票号"),
    _time("dscgTime", "discharged_at", "出院时间"),
    _code("fund_pay_type", codes.FUNDS, "fund", "基金支付类型"),
    _text("fund_pay_type_name", 200, "name_of_the_fund", "基金支付类型名称"),
    _amount("fund_payamt", "fund_pays", "基金支付金额"),
    _amount("crt_payb_lmt_amt", "left_under_the_cap_before", "本次可支付限额金额"),
    _text("setl_proc_info", 4000, "how_the_amount_came_about", "结算过程信息"),
    # reversal
    _text("omsgid", 30, "original_message", "原发送方报文ID"),
    Field("oinfno", "原交易编号", "original_transaction", "code", "4", fields.transaction),
    _flag("rvs_flag", "something_was_reversed", "已冲正标志"),
    # what a person has
    _code("trt_chk_type", codes.CHECK_KINDS, "kind_of_check", "待遇检查类型"),
    _flag("trt_enjymnt_flag", "enjoyed", "基金款项待遇享受标志"),
    _text("trt_chk_rslt", 500, "result_of_the_check", "待遇检查结果"),
    _date("begndate", "starts_on", "开始日期"),
    _date("enddate", "ends_on", "结束日期"),
    _code("cum_type_code", codes.ACCUMULATED, "accumulator", "累计类别代码"),
    _text("year", 4, "year", "年度"),
    Field("cum_ym", "累计年月", "month", "month", "6", fields.month),
    _amount("cum", "accumulated", "累计值"),
    _text("opsp_dise_code", 30, "disease_code", "门慢门特病种目录代码"),
    _text("opsp_dise_name", 300, "disease", "门慢门特病种名称"),
    # filings and choices
    _number("trt_dcla_detl_sn", "filing", "待遇申报明细流水号"),
    _region("insu_optins", "insured_region", "参保机构医保区划"),
    _text("dise_cond_dscr", 2000, "condition", "疾病病情描述"),
    _text("reflin_medins_no", 12, "to_provider", "转往定点医药机构编号"),
    _text("reflin_medins_name", 200, "to_provider_name", "转往医院名称"),
    _region("mdtrtarea_admdvs", "destination", "就医地行政区划"),
    _flag("hosp_agre_refl_flag", "hospital_agrees", "医院同意转院标志"),
    _text("refl_type", 30, "kind_of_transfer", "转院类型"),
    _date("refl_date", "transfer_on", "转院日期"),
    _text("refl_rea", 100, "reason", "转院原因"),
    _text("refl_opnn", 200, "opinion", "转院意见"),
    _text("biz_appy_type", 3, "kind_of_application", "业务申请类型"),
    _text("agnter_name", 50, "agent", "代办人姓名"),
    _code("agnter_cert_type", codes.PERSON_CERTIFICATES, "agents_id_document", "代办人证件类型"),
    _text("agnter_certno", 50, "agents_id_number", "代办人证件号码"),
    _text("agnter_tel", 30, "agents_phone", "代办人联系方式"),
    _text("agnter_addr", 200, "agents_address", "代办人联系地址"),
    _text("agnter_rlts", 3, "agents_relation", "代办人关系"),
    _text("fix_srt_no", 3, "order_of_choice", "定点排序号"),
    _text("fixmedins_code", 12, "provider", "定点医药机构编号"),
    _text("fixmedins_name", 200, "provider_name", "定点医药机构名称"),
)  # fmt: skip

FIELDS: Final = {one.name: one for one in _FIELDS}
assert len(FIELDS) == len(_FIELDS), "a field stands twice"


def plain(value: Any) -> Any:
    """A value as it is kept among a visit's details: dates and times as their text."""
    if type(value) is str:
        return value
    return value.isoformat() if isinstance(value, (date, datetime)) else value

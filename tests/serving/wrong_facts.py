"""What a hospital does wrong, continued: requests of good form that do not fit the facts."""

from collections.abc import Iterator
from typing import Any, Final

from tests.serving.wrong_requests import GONE, World, Wrong, by_of, china, put

_NOT_COVERED: Final = {
    "recorded_dead": "已登记死亡",
    "pin_locked": "密码已锁定",
    "lost": "社保卡已挂失",
    "lost_provisionally": "临时挂失",
    "cancelled": "社保卡已注销",
    "expired": "社保卡已过期",
    "card_none": "没有可用的社保卡",
    "social_security_app_inactive": "社保功能未启用",
    "name_outdated": "卡内姓名",
    "identity_mismatch": "公安登记不一致",
    "not_insured": "没有有效的基本医疗保险",
    "benefits_ended": "没有有效的基本医疗保险",
    "suspended": "参保已暂停",
    "arrears": "欠缴医疗保险费",
    "waiting": "待遇等待期",
    "in_transfer": "正在转移",
    "retirement_unconfirmed": "待遇尚未核定",
}


def persons(world: World) -> Iterator[Wrong]:
    for situation, names in _NOT_COVERED.items():
        person = str(world.persons[situation]["person_id"])
        for infno, path in (("2201", "data"), ("2401", "mdtrtinfo"), ("2102", "druginfo")):
            content = put(world.good[infno], f"{path}.psn_no", person)
            for name in ("mdtrt_cert_type", "mdtrt_cert_no"):
                content = put(content, f"{path}.{name}", GONE)
            if infno == "2401":
                content["diseinfo"][0].pop("psn_no", None)
            yield Wrong(f"{infno} of somebody: {situation}", names, infno, content, by=by_of(infno))
    good = world.good
    other = world.persons["resident"]
    for infno, path in (
        ("2201", "data"), ("2207", "data"), ("2304", "data"), ("2401", "mdtrtinfo"),
        ("2102", "druginfo"), ("2001", "data"), ("5206", "data"), ("5301", "data"),
    ):  # fmt: skip
        content = put(good[infno], f"{path}.psn_no", "999999999")
        if infno == "2401":
            content["diseinfo"][0].pop("psn_no", None)
        yield Wrong(f"{infno} of nobody", "psn_no：没有找到参保人", infno, content, by=by_of(infno))
    for infno, path in (("2201", "data"), ("2102", "druginfo")):
        for name, kind, number, names in (
            ("another's id number", "02", other["id_number"], "不是同一人"),
            ("another's card", "03", other["card_number"], "不是同一人"),
            ("an id number of nobody", "02", "510101190001010000", "不是同一人"),
            ("an e-card code", "01", "123456", "二维码不对"),
            ("a kind without", GONE, other["id_number"], "mdtrt_cert_type：缺少"),
        ):
            content = put(good[infno], f"{path}.mdtrt_cert_no", number)
            content = put(content, f"{path}.mdtrt_cert_type", kind)
            yield Wrong(f"{infno} showing {name}", names, infno, content, by=by_of(infno))
    mine = good["1101"]
    for name, names, changed in (
        ("nobody's id number", "没有找到参保人", {"mdtrt_cert_no": "510101190001010000", "certno": ""}),
        ("an id number that is a text", "没有找到参保人", {"mdtrt_cert_no": "' or 1=1 --", "certno": ""}),
        ("another name", "psn_name：姓名与证件号码不一致", {"psn_name": "<script>alert(1)</script>"}),
        ("two id numbers", "certno：与 mdtrt_cert_no 不是同一个", {"certno": other["id_number"]}),
        ("a card without its identifier", "card_sn：缺少",
         {"mdtrt_cert_type": "03", "mdtrt_cert_no": other["card_number"], "card_sn": ""}),
        ("a card with another's identifier", "卡识别码与卡号不符",
         {"mdtrt_cert_type": "03", "mdtrt_cert_no": other["card_number"], "card_sn": "0" * 32,
          "psn_name": "", "certno": ""}),
        ("an e-card code", "二维码不对", {"mdtrt_cert_type": "01", "certno": ""}),
    ):  # fmt: skip
        yield Wrong(f"1101 by {name}", names, "1101", {"data": {**mine["data"], **changed}})
    yield Wrong("insured elsewhere", "insuplc_admdvs：参保地 110000", "2201",
                envelope={"insuplc_admdvs": "110000"})  # fmt: skip


def _key(visit: Any, **more: Any) -> dict[str, Any]:
    return {"data": {"mdtrt_id": visit.visit_id, "psn_no": visit.psn_no, **more}}


def orders(world: World) -> Iterator[Wrong]:
    """Unordered, doubled, and about what belongs to somebody else."""
    good, at = world.good, world.visits
    paid, taken, undone, open_, fresh = (
        at[one] for one in ("paid", "taken", "undone", "open", "fresh")
    )
    cancelled, theirs, stay, inside, left, empty = (
        at[one] for one in ("cancelled", "theirs", "stay", "inside", "left", "empty")
    )
    sold = at["sold"]

    def on(infno: str, path: str, visit: Any, **more: Any) -> Any:
        content = put(good[infno], f"{path}.mdtrt_id", visit.visit_id)
        content = put(content, f"{path}.psn_no", visit.psn_no)
        for name in ("mdtrt_cert_type", "mdtrt_cert_no"):
            if infno in ("2206", "2207", "2303", "2304"):
                content = put(content, f"{path}.{name}", GONE)
        for name, value in more.items():
            content = put(content, f"{path}.{name}", value)
        for row in content.get("diseinfo", ()):
            row.pop("psn_no", None)
            row.pop("mdtrt_id", None)
        if "feedetail" in content:
            del content["feedetail"][1:]
        return content

    def line(visit: Any, **more: Any) -> Any:
        return on("2204", "feedetail.0", visit, **{"feedetl_sn": "NEW1", "chrg_bchno": "9"} | more)

    def stay_line(visit: Any, **more: Any) -> Any:
        return on("2301", "feedetail.0", visit, **{"feedetl_sn": "NEW1"} | more)

    def bill(visit: Any, **more: Any) -> Any:
        return on("2207", "data", visit, **more)

    total = str(open_.unsettled)
    no_visit, no_settlement = "mdtrt_id：没有这次就诊", "setl_id：没有这笔结算"
    other_setting = "mdtrt_id：这次就诊是"
    back = {"cnt": "-1", "det_item_fee_sumamt": "-20", "pric": "20"}
    many = [{**line(open_)["feedetail"][0], "feedetl_sn": f"N{n}"} for n in range(501)]
    yield from (
        Wrong(f"{infno}: {name}", names, infno, content, by=by)
        for infno, name, names, content, by in (
            # quotes and settlements
            ("2206", "a quote of nothing", "请先上传明细", on("2206", "data", at["seen"]), "H"),
            ("2206", "a quote of a registration", "已挂号", on("2206", "data", fresh), "H"),
            ("2207", "settled before the doctor saw anybody", "2203", bill(fresh), "H"),
            ("2207", "settled before lines", "没有未结算的明细", bill(at["seen"]), "H"),
            ("2207", "settled again under another msgid", "没有未结算的明细", bill(paid), "H"),
            ("2207", "a batch settled twice", "没有未结算的明细", bill(paid, chrg_bchno="1"), "H"),
            ("2207", "a batch that is not there", "未结算批次：1", bill(open_, chrg_bchno="77"), "H"),
            ("2207", "a cancelled registration", "已撤销", bill(cancelled), "H"),
            ("2207", "a fen too much", "medfee_sumamt：上传的总费用",
             bill(open_, medfee_sumamt="300.01"), "H"),
            ("2207", "a total of zero", "0.00 元与明细合计", bill(open_, medfee_sumamt="0"), "H"),
            ("2207", "the largest total there is", "不一致",
             bill(open_, medfee_sumamt="10000000000.00"), "H"),
            ("2207", "another split", "fulamt_ownpay_amt：上传的全自费金额",
             bill(open_, medfee_sumamt=total, fulamt_ownpay_amt="1.23"), "H"),
            ("2207", "another part in scope", "inscp_scp_amt：",
             bill(open_, medfee_sumamt=total, inscp_scp_amt="1.23"), "H"),
            ("2207", "another person's visit", no_visit, bill(open_, psn_no=paid.psn_no), "H"),
            ("2207", "another hospital's visit", no_visit, bill(theirs), "H"),
            ("2207", "our visit, by the other hospital", no_visit, bill(open_), "B"),
            ("2207", "a stay as outpatient", other_setting, bill(left), "H"),
            ("2207", "a visit that never was", no_visit, bill(open_, mdtrt_id="12345"), "H"),
            ("2207", "a visit as chronic without registration", "门诊慢特病",
             bill(open_, medfee_sumamt=total, med_type="14"), "H"),
            ("2207", "an insurance the person has not", "insutype：参保人没有 390",
             bill(open_, medfee_sumamt=total, insutype="390"), "H"),
            ("2304", "settled before the discharge", "2402", on("2304", "data", inside), "H"),
            ("2304", "settled again", "2305", on("2304", "data", stay), "H"),
            ("2304", "discharged, settled as interim", "mid_setl_flag=0",
             on("2304", "data", left, mid_setl_flag="1"), "H"),
            ("2304", "a stay without lines", "没有未结算的明细", on("2304", "data", empty), "H"),
            ("2303", "a quote of a stay without lines", "请先上传明细",
             on("2303", "data", empty), "H"),
            ("2304", "a fen too little", "medfee_sumamt：上传的总费用",
             on("2304", "data", left, medfee_sumamt="0.01"), "H"),
            ("2304", "an outpatient visit", other_setting, on("2304", "data", open_), "H"),
            ("2304", "by the other hospital", no_visit, on("2304", "data", left), "B"),
            # reversals
            ("2208", "reversed twice", "setl_id：该结算已于",
             _key(taken, setl_id=taken.settlements[0]), "H"),
            ("2208", "reversed after 2601", "setl_id：该结算已于",
             _key(undone, setl_id=undone.settlements[0]), "H"),
            ("2208", "the reversal itself", "不能再撤销", _key(taken, setl_id=world.reversal), "H"),
            ("2208", "another hospital's", no_settlement,
             _key(theirs, setl_id=theirs.settlements[0]), "H"),
            ("2208", "ours, by the other hospital", no_settlement,
             _key(paid, setl_id=paid.settlements[0]), "B"),
            ("2208", "ours, by a pharmacy", no_settlement,
             _key(paid, setl_id=paid.settlements[0]), "P"),
            ("2208", "of another person", no_settlement,
             _key(paid, setl_id=paid.settlements[0], psn_no=open_.psn_no), "H"),
            ("2208", "of another visit", no_settlement,
             _key(open_, setl_id=paid.settlements[0]), "H"),
            ("2208", "that never was", no_settlement, _key(paid, setl_id="99"), "H"),
            ("2208", "a stay's", no_settlement, _key(stay, setl_id=stay.settlements[0]), "H"),
            ("2208", "without the visit, of nobody", "没有找到参保人",
             {"data": {"setl_id": paid.settlements[0], "psn_no": "999999999"}}, "H"),
            ("2305", "an outpatient's", no_settlement,
             _key(paid, setl_id=paid.settlements[0]), "H"),
            ("2305", "of an admission", no_settlement, _key(inside, setl_id="1"), "H"),
            ("2103", "a hospital's", no_settlement, _key(paid, setl_id=paid.settlements[0]), "P"),
            ("2103", "a purchase, by the hospital", no_settlement,
             _key(sold, setl_id=sold.settlements[0]), "H"),
            # 2601
            ("2601", "with another code", "oinfno：原报文是 2207",
             _undo(paid.psn_no, world.messages[paid.settlements[0]][0], "2304"), "H"),
            ("2601", "of another person", "psn_no：原报文属于另一位",
             _undo(open_.psn_no, world.messages[paid.settlements[0]][0], "2207"), "H"),
            ("2601", "a person who is not", "psn_no：没有找到参保人",
             _undo("999999999", "H" * 30, "2207"), "H"),
            ("2601", "a reversal", "撤销类交易不能冲正",
             _undo(taken.psn_no, world.messages[world.reversal][0], "2208"), "H"),
            ("2601", "a registration with lines", "mdtrt_id：本次就诊已上传明细",
             _undo(open_.psn_no, world.messages[open_.visit_id][0], "2201"), "H"),
            ("2601", "an admission with lines", "已上传明细",
             _undo(inside.psn_no, world.messages[inside.visit_id][0], "2401"), "H"),
            # registrations and stays
            ("2202", "with settlements", "请先撤销结算", _key(paid), "H"),
            ("2202", "with lines", "请先撤销明细", _key(open_), "H"),
            ("2202", "twice", "已撤销", _key(cancelled), "H"),
            ("2202", "with another number", "ipt_otp_no：门诊号或住院号与登记的",
             _key(fresh, ipt_otp_no="OTHER"), "H"),
            ("2202", "by the other hospital", no_visit, _key(fresh), "B"),
            ("2203", "a cancelled one", "已撤销", on("2203", "mdtrtinfo", cancelled), "H"),
            ("2203", "a stay", other_setting, on("2203", "mdtrtinfo", inside), "H"),
            ("2203", "in the future", "begntime",
             on("2203", "mdtrtinfo", open_, begntime=china(days=1)), "H"),
            ("2401", "a second admission", "已在院未结算",
             on("2401", "mdtrtinfo", inside, mdtrt_cert_type=GONE, mdtrt_cert_no=GONE), "H"),
            ("2401", "elsewhere at the same time", f"机构 {world.accounts['H'].provider_code}",
             on("2401", "mdtrtinfo", inside, mdtrt_cert_type=GONE, mdtrt_cert_no=GONE), "B"),
            ("2401", "by a pharmacy", "未定点",
             on("2401", "mdtrtinfo", stay, mdtrt_cert_type=GONE, mdtrt_cert_no=GONE), "P"),
            ("2402", "before the admission", "endtime：出院时间早于入院时间",
             on("2402", "dscginfo", inside, endtime=china(days=-30)), "H"),
            ("2402", "twice", "已办理过出院", on("2402", "dscginfo", left), "H"),
            ("2402", "an outpatient", other_setting, on("2402", "dscginfo", open_), "H"),
            ("2403", "after the settlement", "已结算", on("2403", "adminfo", stay), "H"),
            ("2403", "begun after its end", "出院时间早于入院时间",
             on("2403", "adminfo", left, begntime=china(minutes=5)), "H"),
            ("2404", "with lines", "请先撤销明细", _key(inside), "H"),
            ("2404", "after the discharge", "2405", _key(left), "H"),
            ("2404", "an outpatient", other_setting, _key(fresh), "H"),
            ("2405", "that was none", "尚未办理出院", _key(inside), "H"),
            ("2405", "after the settlement", "2305", _key(stay), "H"),
            # lines
            ("2204", "before the doctor", "2203", line(fresh), "H"),
            ("2204", "of a cancelled visit", "已撤销", line(cancelled), "H"),
            ("2204", "of another hospital's visit", no_visit, line(theirs), "H"),
            ("2204", "of a stay", other_setting, line(inside), "H"),
            ("2204", "of an unknown code", "目录中没有编码 X000",
             line(open_, med_list_codg="X000"), "H"),
            ("2204", "SQL as code", "目录中没有编码", line(open_, med_list_codg="';drop table visits--"), "H"),
            ("2204", "in the future", "fee_ocur_time", line(open_, fee_ocur_time=china(hours=3)), "H"),
            ("2204", "three years old", "超过两年",
             line(open_, fee_ocur_time="2021-01-01 09:00:00"), "H"),
            ("2204", "of a batch that is settled", "chrg_bchno：收费批次 1 已结算",
             line(paid, chrg_bchno="1"), "H"),
            ("2204", "of the batch 0000", "批次号不能为 0000",
             line(open_, chrg_bchno="0000"), "H"),
            ("2204", "a number that exists", "已存在",
             line(open_, feedetl_sn="L1"), "H"),
            ("2204", "a number twice", "feedetail[1].feedetl_sn：流水号",
             {"feedetail": line(open_)["feedetail"] * 2}, "H"),
            ("2204", "two visits at once", "feedetail[1].mdtrt_id",
             {"feedetail": line(open_)["feedetail"] + line(fresh)["feedetail"]}, "H"),
            ("2204", "501 lines", "一次最多 500 条", {"feedetail": many}, "H"),
            ("2204", "negative, giving back nothing", "init_feedetl_sn：负数明细",
             line(open_, **back), "H"),
            ("2204", "positive, giving back", "只有负数明细",
             line(open_, init_feedetl_sn="L1"), "H"),
            ("2204", "giving back what is not there", "退费明细要指明",
             line(open_, init_feedetl_sn="NONE", **back), "H"),
            ("2204", "giving back itself", "退费明细要指明",
             line(open_, init_feedetl_sn="NEW1", **back), "H"),
            ("2204", "giving back another item", "同一目录编码",
             line(open_, init_feedetl_sn="L2", **back), "H"),
            ("2204", "giving back too many", "退费不能超过原明细的数量",
             line(open_, init_feedetl_sn="L1", cnt="-5", pric="20", det_item_fee_sumamt="-100"), "H"),
            ("2204", "giving back at another price", "单价须相同",
             line(open_, init_feedetl_sn="L1", cnt="-1", pric="19", det_item_fee_sumamt="-19"), "H"),
            ("2204", "giving back the last of it for less", "全部退还时须相等",
             line(open_, init_feedetl_sn="L1", cnt="-3", pric="20", det_item_fee_sumamt="-59.96"), "H"),
            ("2204", "giving back twice in one upload", "退费不能超过",
             {"feedetail": [
                 line(open_, init_feedetl_sn="L1", cnt="-2", pric="20", det_item_fee_sumamt="-40")
                 ["feedetail"][0] | {"feedetl_sn": f"BACK{n}"} for n in (1, 2)]}, "H"),
            ("2204", "negative money for something", "相差超过 0.05",
             line(open_, det_item_fee_sumamt="-60"), "H"),
            ("2204", "money for nothing", "cnt", line(open_, cnt="0"), "H"),
            ("2204", "giving back what is settled", "退费明细要指明",
             line(paid, init_feedetl_sn="L1", **back), "H"),
            ("2301", "after the settlement", "2305", stay_line(stay), "H"),
            ("2301", "of an unknown code", "目录中没有编码", stay_line(inside, med_list_codg="?"), "H"),
            ("2301", "of an outpatient visit", other_setting, stay_line(open_), "H"),
            ("2301", "a number that exists", "已存在",
             stay_line(inside, feedetl_sn="L1"), "H"),
            ("2205", "of a settled batch", "请先撤销结算", _key(paid, chrg_bchno="1"), "H"),
            ("2205", "of a batch that is not there", "没有可撤销的明细",
             _key(open_, chrg_bchno="none"), "H"),
            ("2205", "all of a settled visit", "请先撤销结算", _key(paid, chrg_bchno="0000"), "H"),
            ("2302", "a line that is not there", "没有可撤销的明细",
             _key(inside, feedetl_sn="none"), "H"),
            ("2302", "after the settlement", "2305", _key(stay, feedetl_sn="L1"), "H"),
            ("2302", "of another hospital's", no_visit, _key(theirs, feedetl_sn="L1"), "H"),
            # a pharmacy
            ("2102", "a line twice", "流水号",
             put(good["2102"], "drugdetail", good["2102"]["drugdetail"] * 2), "P"),
            ("2102", "another total", "medfee_sumamt：上传的总费用",
             put(good["2102"], "druginfo.medfee_sumamt", "1.00"), "P"),
            ("2102", "something given back", "2103",
             put(good["2102"], "drugdetail.0",
                 good["2102"]["drugdetail"][0] | back), "P"),
            ("2102", "by a hospital", "未定点", good["2102"], "H"),
            ("2201", "by a pharmacy", "未定点", good["2201"], "P"),
            # filings, files, signing in
            ("2501", "to where the person lives", "", put(good["2501"], "refmedin.mdtrtarea_admdvs", "510100"), "H"),
            ("2501", "without the hospital's consent", "不同意转院",
             put(good["2501"], "refmedin.hosp_agre_refl_flag", "0"), "H"),
            ("2501", "to a provider that is not", "reflin_medins_no",
             put(good["2501"], "refmedin.reflin_medins_no", "X99999999999"), "H"),
            ("2502", "that never was", "", put(good["2502"], "data.trt_dcla_detl_sn", "5"), "H"),
            ("2505", "at another provider", "",
             put(good["2505"], "data.fixmedins_code", "X99999999999"), "H"),
            ("1201", "for nothing", "fixmedins_code：请填写", {"medinsinfo": {}}, "H"),
            ("1320", "a catalog that is none", "infno：没有交易 1320", {"data": {"ver": "0"}}, "H"),
            ("9101", "with a path", "fsUploadIn.filename",
             put(good["9101"], "fsUploadIn.filename", "../../etc/passwd"), "H"),
            ("9101", "with a header in its name", "fsUploadIn.filename",
             put(good["9101"], "fsUploadIn.filename", "a\r\nSet-Cookie: b=c"), "H"),
            ("9101", "empty", "fsUploadIn.in：文件为空", put(good["9101"], "fsUploadIn.in", []), "H"),
            ("9101", "no bytes", "fsUploadIn.in", put(good["9101"], "fsUploadIn.in", [1, 999]), "H"),
            ("9101", "no Base64", "fsUploadIn.in", put(good["9101"], "fsUploadIn.in", "%"), "H"),
            ("9102", "a file that is not", "没有这个文件",
             put(good["9102"], "fsDownloadIn.file_qury_no", "1 or 1=1"), "H"),
            ("9102", "another hospital's", "没有这个文件", good["9102"], "B"),
            ("9002", "of another hospital's sign-in", "sign_no", good["9002"], "B"),
            ("9002", "that never was", "sign_no", put(good["9002"], "signOut.sign_no", "1"), "H"),
        )
    )  # fmt: skip


def _undo(person: str, message: str, code: str) -> dict[str, Any]:
    return {"data": {"psn_no": person, "omsgid": message, "oinfno": code}}


def repeats(world: World) -> Iterator[Wrong]:
    """A message id that was used before, with something else; and one that was taken back."""
    paid, undone = world.visits["paid"], world.visits["undone"]
    first, content = world.messages[paid.settlements[0]]
    used = "msgid：报文编号已用于另一笔内容不同的交易"
    for name, infno, other in (
        ("another total", "2207", put(content, "data.medfee_sumamt", "0.01")),
        ("another person", "2207", put(content, "data.psn_no", undone.psn_no)),
        ("another invoice", "2207", put(content, "data.invono", "X")),
        ("another field's spelling", "2207", put(content, "data.note", "x")),
        ("a reversal", "2208", _key(paid, setl_id=paid.settlements[0])),
        ("a quote", "2206", content),
        ("a catalog", "1301", {"data": {"ver": "0"}}),
        ("a sign-in", "9001", world.good["9001"]),
    ):
        yield Wrong(f"used before, now {name}", used, infno, other, envelope={"msgid": first})
    message, content = world.messages[undone.settlements[0]]
    taken = "msgid：该报文已被冲正"
    yield Wrong("taken back, sent again", taken, "2207", content, envelope={"msgid": message})
    yield Wrong("taken back, with something else", taken, "2207",
                put(content, "data.invono", "X"), envelope={"msgid": message})  # fmt: skip
    yield Wrong("taken back before it came", taken, "2207", content,
                envelope={"msgid": world.messages["never"][0]})  # fmt: skip
    message = f"{world.accounts['H'].provider_code}202603010900009999"
    yield Wrong("a reversal of itself", "omsgid：冲正报文不能冲正自己", "2601",
                _undo(paid.psn_no, message, "2601"), envelope={"msgid": message})  # fmt: skip


def texts(world: World) -> Iterator[Wrong]:
    """What must not stand in a number or a name that others read: control characters."""
    for infno, path in (
        ("2201", "data.ipt_otp_no"), ("2201", "data.dr_name"), ("2204", "feedetail.0.feedetl_sn"),
        ("2204", "feedetail.0.chrg_bchno"), ("2207", "data.invono"), ("2401", "mdtrtinfo.ipt_no"),
        ("2203", "diseinfo.0.diag_name"), ("2601", "data.omsgid"),
    ):  # fmt: skip
        for name, text in (
            ("a line break", "A\r\nB"), ("an escape", "\x1b[31mA"), ("a tab", "A\tB"),
            ("a bell", "A\x07"), ("text from right to left", "A\u202eB"), ("DEL", "A\x7f"),
        ):  # fmt: skip
            yield Wrong(f"{path} with {name}", path.rpartition(".")[2], infno,
                        put(world.good[infno], path, text))  # fmt: skip
    yield Wrong("operator with a line break", "opter", envelope={"opter": "A\r\nB: c"})
    yield Wrong("a script as operator", "opter", envelope={"opter": "\x1b]0;x\x07"})

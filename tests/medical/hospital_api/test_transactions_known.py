"""Every transaction of the interface is there, with every field that the interface lists."""

import re
from pathlib import Path

from yikatong.medical.hospital_api import codes
from yikatong.medical.hospital_api.dictionary import FIELDS
from yikatong.medical.hospital_api.transactions import SHAPES, TRANSACTIONS

LISTED = Path(__file__).with_name("listed.txt").read_text(encoding="utf-8")
"""The transactions with the fields of each node, as the interface lists them."""


CODES = frozenset(
    {
        "1101", "2001", "5206", "5301",
        "2101", "2102", "2103",
        "2201", "2202", "2203", "2204", "2205", "2206", "2207", "2208",
        "2301", "2302", "2303", "2304", "2305",
        "2401", "2402", "2403", "2404", "2405",
        "2501", "2502", "2505", "2506",
        "2601",
    }
)  # fmt: skip


def _listed() -> dict[str, list[tuple[str, str, bool, list[str]]]]:
    """By code: "in" or "out", the node, whether it is a list, and its fields."""
    text = re.sub(r"\n {6}", " ", LISTED)
    named = dict(re.findall(r"^([A-Z]+): (.*)$", text, re.MULTILINE))
    found: dict[str, list[tuple[str, str, bool, list[str]]]] = {}
    code = ""
    for line in text.splitlines():
        if re.fullmatch(r"\d{4}", line):
            code = line
            found[code] = []
        elif match := re.fullmatch(r"  (in|out) (\w+)(\[\])?: (.*)", line):
            direction, node, many, fields = match.groups()
            found[code].append((direction, node, bool(many), named.get(fields, fields).split()))
    return found


def test_every_listed_transaction_is_known() -> None:
    assert set(_listed()) == set(TRANSACTIONS) == CODES
    for code, one in TRANSACTIONS.items():
        assert one.code == code
        assert one.title.zh
        assert one.title.en


def test_every_listed_field_is_taken_in_and_given_out() -> None:
    for code, nodes in _listed().items():
        shape = SHAPES[code]
        inputs = {one.name: one for one in shape.form.nodes}
        outputs = {one.name: one for one in shape.outputs}
        assert {node for way, node, _, _ in nodes if way == "in"} == set(inputs), code
        # What 2601 did is told, although the interface lists no output.
        told = set(outputs) if code != "2601" else set[str]()
        assert {node for way, node, _, _ in nodes if way == "out"} == told, code
        for way, node, many, fields in nodes:
            if way == "in":
                taken = {field.name for field in inputs[node].fields}
                assert set(fields) <= taken, (code, node)
                assert taken - set(fields) <= {"init_feedetl_sn", "trt_dcla_detl_sn"}, (code, node)
                assert bool(inputs[node].rows_max) == many, (code, node)
            else:
                assert list(outputs[node].body.__struct_fields__) == fields, (code, node)
                assert outputs[node].many == many, (code, node)


def test_the_dictionary_holds_what_is_taken_in_and_given_out_and_nothing_else() -> None:
    used: set[str] = set()
    for shape in SHAPES.values():
        used |= {field.name for node in shape.form.nodes for field in node.fields}
        used |= {name for one in shape.outputs for name in one.body.__struct_fields__}
    assert used == set(FIELDS)


def test_every_code_that_is_sent_stands_in_its_table() -> None:
    assert set(codes.CARE_OF) == set(codes.CARES.entries)
    assert set(codes.FUND_OF.values()) <= set(codes.FUNDS.entries)
    assert set(codes.DISCHARGE_WAY) == set(codes.DISCHARGE_WAYS.entries)
    assert set(codes.CLEARING_TYPE_OF.values()) <= set(codes.CLEARING_TYPES.entries)
    assert set(codes.PROVIDER_LEVEL_CODE.values()) <= set(codes.PROVIDER_LEVELS.entries)
    assert set(codes.INSURED_STATE_OF.values()) == set(codes.INSURED_STATES.entries)
    for table in codes.TABLES:
        assert table.entries
        assert all(text.zh and text.en for text in table.entries.values()), table.name


def test_items_of_the_catalog_have_the_kind_of_charge_that_their_code_says() -> None:
    assert {
        item: codes.CHARGE_KINDS.entries[codes.charge_kind(item)].zh
        for item in (
            "XC08CAA901A0", "ZF02AAB9004", "T900000001", "C034203107", "001109000010000",
            "001101000010000", "002102000010000", "002501020350000", "003107020040000",
            "003301000010000", "009999", "",
        )
    } == {
        "XC08CAA901A0": "西药费", "ZF02AAB9004": "中成药费", "T900000001": "中药饮片费",
        "C034203107": "卫生材料费", "001109000010000": "床位费", "001101000010000": "挂号费",
        "002102000010000": "检查费", "002501020350000": "化验费", "003107020040000": "治疗费",
        "003301000010000": "手术费", "009999": "其他费", "": "其他费",
    }  # fmt: skip

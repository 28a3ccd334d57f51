"""Policies in plain words, and what changed between two of them."""

from tests.policies.cases import EVERYTHING
from tests.policies.test_examples import GOOD
from yikatong.policies import files, service, words
from yikatong.policies.model import Policy


def told(policy: Policy, group: str) -> dict[str, list[str]]:
    lines = [one for one in words.describe(policy) if one.group == group]
    assert len({one.key for one in lines}) == len(lines)
    return {one.label.zh: [value.zh for value in one.values] for one in lines}


def test_every_policy_on_file_is_told_in_both_languages_without_two_lines_of_one_key() -> None:
    for policy in [*service.load().policies(), EVERYTHING]:
        lines = words.describe(policy)
        assert len({(one.group, one.key) for one in lines}) == len(lines), policy.source
        for line in lines:
            assert words.group_name(line.group).zh
            assert len(line.values) in (1, 4)
            for text in (line.label, *line.values):
                assert text.zh
                assert text.en.isascii() or "−" in text.en or "–" in text.en, text.en
        assert words.difference(policy, policy) == []


def test_deductible_rates_and_caps_of_a_hospital_stay_are_told_by_level() -> None:
    (policy,) = service.load().versions("510100", "310")
    said = told(policy, "inpatient")
    assert said["起付线（每次住院）"] == ["160 元", "200 元", "400 元", "800 元"]
    assert said["同年再次住院的起付线"] == ["每次减 100 元，不低于 160 元"]
    assert said["报销比例"] == ["95%", "92%", "90%", "85%"]
    assert said["比例调整：60 至 69 岁"] == ["加 4 个百分点"]
    assert said["年度封顶线（按基金支付）"] == ["450,000 元，超过的由大额基金继续支付"]
    assert told(policy, "emergency")["统筹基金"] == ["同普通门诊，共用起付线和封顶线"]
    assert told(policy, "chronic")["统筹基金"] == ["文件没有写明，不能估算"]
    assert told(policy, "elsewhere")["视同已备案"] == ["四川省、重庆市"]


def test_a_change_is_told_by_level_with_both_values() -> None:
    before = files.parse("a.yaml", GOOD)
    after = files.parse(
        "b.yaml",
        GOOD.replace("tertiary: 85}", "tertiary: 88}").replace("amount: 450000", "amount: 500000"),
    )
    found = [
        (one.group, one.label.zh, one.level and one.level.zh, one.before and one.before.zh,
         one.after and one.after.zh)
        for one in words.difference(before, after)
    ]  # fmt: skip
    assert ("inpatient", "报销比例", "三级", "85%", "88%") in found
    assert all(one[0] == "inpatient" for one in found)
    assert len(found) == 2


def test_what_only_one_version_says_is_told_too() -> None:
    before = files.parse("a.yaml", GOOD)
    after = files.parse("b.yaml", GOOD.replace("later: {minus: 100, floor: 160}", ""))
    (one,) = words.difference(before, after)
    assert one.before is not None
    assert one.after is None

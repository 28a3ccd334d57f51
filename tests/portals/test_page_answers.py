"""The pages without a browser: texts complete, headers safe, sizes small, hostile input harmless."""

import re
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from yikatong.portals import guide, view

SOURCES = Path(view.__file__).parent


def fetch(address: str) -> tuple[int, str, dict[str, str]]:
    try:
        with urllib.request.urlopen(address, timeout=20) as answer:
            return (
                answer.status,
                answer.read().decode(),
                {k.lower(): v for k, v in answer.headers.items()},
            )
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(), {k.lower(): v for k, v in error.headers.items()}


def test_every_text_stands_in_both_languages_with_the_same_facts() -> None:
    for key, pair in view.texts().items():
        assert set(pair) == {"zh", "en"}, key
        assert pair["zh"].strip(), key
        assert pair["en"].strip(), key
        facts = [set(re.findall(r"\{(\w+)\}", pair[language])) for language in ("zh", "en")]
        assert facts[0] == facts[1], key


def test_no_text_stands_twice_in_a_file() -> None:
    # The reader of YAML takes the last one without a word.
    for file in sorted(Path(str(view.TEMPLATES)).parent.glob("texts/*.yaml")):
        keys = re.findall(r"^([a-z_.]+):", file.read_text(encoding="utf-8"), re.MULTILINE)
        assert len(keys) == len(set(keys)), file.name


def test_no_text_is_missing_and_none_is_left_over() -> None:
    used: set[str] = set()
    for path in [*SOURCES.glob("templates/*.html"), *SOURCES.rglob("*.py")]:
        source = path.read_text(encoding="utf-8")
        used |= set(re.findall(r"\bt\('(\w+)'", source))
        used |= set(re.findall(r"text\(\s*\"(\w+)\"", source))
        if path.parent.name in ("clinic", "counter", "hotline"):
            used |= set(re.findall(r"\bwords\(\s*\"(\w+)\"", source))
        used |= set(re.findall(r"\"((?:error|not)_\w+)\"", source))
    used = {key for key in used if not key.endswith("_")} - {"error_page", "not_available"}
    assert used - set(view.texts()) == set()
    built = (
        "nav_",
        "answer_",
        "care_",
        "level_",
        "filing_",
        "group_",
        "calc_",
        "who_group_",
        "fault_",
        "looks_by_",
        "details_by_",
        "details_done_",
        "applied_",
        "asked_lapsed_",
        "asked_refused_",
        "refused_title",
        "sign_in_by_",
        "security_done_",
        "staff_done_",
        "approval_",
        "acting_done_",
        "acting_guardian",
        "acting_agent",
        "fact_",
        "run_",
        "my_done_",
        "my_proof_",
        "by_hand_done_",
        "exceptions_done_",
        "flows_medical_",
        "ops_chart_",
        "ops_charts_",
        "ops_day",
        "ops_hour",
        "ops_kind_",
        "ops_minute",
        "trail_by_",
        "trail_check_",
        "by_hand_paid_after_",
        "my_due_",
        "my_claim_",
        "my_collect_",
        "my_application_",
        "pension_state_",
        "pension_channel_",
        "pension_verified_",
        "contributions_done_",
        "month_",
        "bank_file_",
        "unemployment_sex_",
        "unemployment_post_",
        "pension_way_",
        "pension_part_",
        "pension_hint_",
        "staff_nav_",
        "counter_field_",
        "counter_seen_",
        "counter_how_",
        "errand_",
        "errands_",
        "file_",
        "panel_",
        "queue_",
        "results_via_",
        "state_",
        "call_",
        "claim_do_",
        "claim_did_",
        "claim_kind_",
        "review_do_",
        "counter_present_",
        "counter_delivery_",
        "counter_fee_",
        "told_left_",
        "counter_note_",
        "guest_compared_",
        "guest_rule_",
        "paper_",
        "sheet_did_",
        "card_",
        "me_",
        "filings_",
        "local_",
        "family_",
        "plan_",
        "home_",
        "client_by_",
        "clients_add",
        "clients_lead",
        "clients_new",
        "clients_none",
        "client_level_",
        "clients_done_",
        "clinic_difference_",
        "clinic_expects",
        "clinic_sex_",
        "clinic_state_",
        "counter_hint_",
        "handed_",
        "key_",
        "looks_none",
        "machine_kind_",
        "machines_add",
        "machines_done_",
        "machines_lead",
        "machines_new",
        "machines_none",
        "member_do_",
        "member_go_",
        "member_is_",
        "member_say_",
        "members_done_",
        "members_state_",
        "office_",
        "operations_clients",
        "operations_machines",
        "policy_amount_",
        "policy_example_say_",
    )
    left = {key for key in set(view.texts()) - used if not key.startswith(built)}
    assert left == set()


def test_guide_and_questions_say_the_same_in_both_languages() -> None:
    chinese, english = guide.topics("zh"), guide.topics("en")
    assert [one.slug for one in chinese] == [one.slug for one in english]
    assert len(chinese) >= 9
    for first, second in zip(chinese, english, strict=True):
        assert str(first.html).count("<h2>") == str(second.html).count("<h2>"), first.slug
        assert str(first.html).count("<li>") == str(second.html).count("<li>"), first.slug
    slugs = {one.slug for one in chinese}
    asked = guide.questions()
    assert len(asked) >= 20
    assert len({one.id for one in asked}) == len(asked)
    for one in asked:
        assert one.topic in slugs, one.id
        assert one.question.zh.endswith("？"), one.id
        assert one.answer.en, one.id


@pytest.mark.parametrize("words", ["备案", "beian", "filing", "丢了", "养老金", "PIN"])
def test_the_guide_is_found_by_chinese_pinyin_and_english(words: str) -> None:
    language = "en" if words in ("filing", "PIN") else "zh"
    pages, _ = guide.search(words, language)
    assert pages


ADDRESSES = ["/", "/calculator", "/guide", "/guide/filing", "/questions", "/sandbox", "/nothing", "/sign-in",
             "/sign-in?by=code", "/sign-in/scan", "/sandbox/inbox"]  # fmt: skip


@pytest.mark.parametrize("address", ADDRESSES)
def test_pages_are_small_and_their_headers_safe(site: str, address: str) -> None:
    _, body, headers = fetch(site + address)
    assert len(body.encode()) < 100_000
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert not re.search(r"<script(?![^>]*src=)|style=|onclick=|https?://(?!127|www.w3.org)", body)


@pytest.mark.parametrize(
    "words",
    ["<script>alert(1)</script>", "' or 1=1 --", "%00", "😀" * 30, "a" * 3000, "{{7*7}}", "${x}"],
)
def test_hostile_words_are_shown_or_refused_but_never_run(site: str, words: str) -> None:
    quoted = urllib.parse.quote(words)
    for address in (
        f"/?person={quoted}&to={quoted}&service={quoted}&date={quoted}&to_code={quoted}",
        f"/calculator?go=1&region={quoted}&at={quoted}&total={quoted}&groups={quoted}&care={quoted}",
        f"/guide?q={quoted}",
        f"/guide/{urllib.parse.quote(words, safe='')}",
        f"/sandbox/{urllib.parse.quote(words, safe='')}",
        f"/static/{urllib.parse.quote(words, safe='')}",
        f"/api/v1/regions?q={quoted}",
    ):
        status, body, _ = fetch(site + address)
        assert status < 500, address
        assert "<script>alert" not in body
        assert "Traceback" not in body
        assert ">49<" not in body


def test_the_check_is_recorded_for_the_person_to_see(site: str) -> None:
    status, body, _ = fetch(f"{site}/?person=1000003&to=beijing&service=outpatient&date=2026-03-01")
    assert status == 200
    assert "verdict yes" in body


def test_regions_are_offered_while_typing(site: str) -> None:
    status, body, _ = fetch(f"{site}/api/v1/regions?q=chengdu&lang=en")
    assert status == 200
    assert '"510100"' in body
    assert "Chengdu, Sichuan" in body

"""The guide as it is written: complete, the same in both languages, and clean Chinese."""

import re
from functools import cache
from importlib import resources
from typing import Any, cast

import msgspec
import pytest
import yaml
from markdown_it import MarkdownIt

from yikatong.portability.model import SERVICES
from yikatong.portals import guide

FOLDER = resources.files("yikatong.data") / "guide"
LANGUAGES = ("zh", "en")
TOPICS = (
    "what-for",
    "elsewhere",
    "activate",
    "filing",
    "apply-replace",
    "lost",
    "security",
    "pension-unemployment",
    "hospital-bill",
    "2030",
)
HOTLINES = {"12333": "社保", "12393": "医保"}

CHINESE = r"[\u4e00-\u9fff“”]"
FULL_WIDTH = re.compile(r"[，。；：？！（）、]")
HALF_WIDTH_IN_CHINESE = re.compile(rf"{CHINESE}[,.;:?!()\"'~]|[,.;:?!()\"'~]{CHINESE}")
GLUED_NUMBER = re.compile(r"[\u4e00-\u9fff]\d|\d[\u4e00-\u9fff]")


class Page(msgspec.Struct, frozen=True):
    head: dict[str, Any]
    body: str


class Section(msgspec.Struct, frozen=True):
    heading: str
    kinds: list[str]
    """The blocks in their order: paragraph, bullet list, ordered list, list item."""
    paragraphs: list[str]
    """The texts as read, of paragraphs and of list items, without links' targets and emphasis."""
    links: list[str]


@cache
def page(slug: str, language: str) -> Page:
    text = (FOLDER / f"{slug}.{language}.md").read_text(encoding="utf-8")
    before, head, body = text.split("---\n", 2)
    assert before == ""
    return Page(cast("dict[str, Any]", yaml.safe_load(head)), body)


@cache
def sections(slug: str, language: str) -> tuple[Section, ...]:
    found: list[Section] = []
    tokens = MarkdownIt().parse(page(slug, language).body)
    for position, token in enumerate(tokens):
        if token.type == "heading_open":
            assert token.tag == "h2", f"{slug}.{language}: only ## headings"
            found.append(Section(tokens[position + 1].content, [], [], []))
        elif token.type.endswith("_open"):
            found[-1].kinds.append(token.type)
        elif token.type == "inline" and tokens[position - 1].type != "heading_open":
            parts = token.children or []
            found[-1].paragraphs.append("".join(part.content for part in parts))
            found[-1].links.extend(
                str(part.attrs["href"]) for part in parts if part.type == "link_open"
            )
    return tuple(found)


@cache
def questions() -> list[dict[str, Any]]:
    text = (FOLDER / "questions.yaml").read_text(encoding="utf-8")
    return cast("list[dict[str, Any]]", yaml.safe_load(text))


def texts(language: str) -> list[tuple[str, str]]:
    """Every text of a language that people read, with the place where it stands."""
    found: list[tuple[str, str]] = []
    for slug in TOPICS:
        head = page(slug, language).head
        found += [(slug, head["title"]), (slug, head["summary"])]
        for section in sections(slug, language):
            place = f"{slug}: {section.heading}"
            found += [(place, text) for text in (section.heading, *section.paragraphs)]
    for one in questions():
        found += [(one["id"], one[part][language]) for part in ("question", "answer")]
    return found


def numbers(text: str) -> list[str]:
    return sorted(re.findall(r"\d+(?:\.\d+)?%?", text))


def sentences(text: str) -> int:
    return len(re.findall(r"[。？]|[.?](?=\s|$)", text))


def test_the_guide_has_each_topic_in_both_languages_and_nothing_else() -> None:
    expected = {f"{slug}.{language}.md" for slug in TOPICS for language in LANGUAGES}
    assert {file.name for file in FOLDER.iterdir()} == expected | {"questions.yaml"}


@pytest.mark.parametrize("slug", TOPICS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_each_topic_says_what_it_is_and_how_it_is_found(slug: str, language: str) -> None:
    head = page(slug, language).head
    assert set(head) == {"title", "summary", "order", "keywords"}
    assert head["title"].strip()
    assert sentences(head["summary"]) == 1, "the summary is one sentence"
    assert head["order"] == TOPICS.index(slug) + 1
    assert len(head["keywords"]) >= 5
    assert all(isinstance(word, str | int) for word in head["keywords"])
    assert len({str(word).lower() for word in head["keywords"]}) == len(head["keywords"])
    if language == "zh":
        pinyin = [word for word in head["keywords"] if re.fullmatch(r"[a-z]+", str(word))]
        assert pinyin, "some people type pinyin"


@pytest.mark.parametrize("slug", TOPICS)
def test_both_languages_are_built_alike(slug: str) -> None:
    chinese, english = sections(slug, "zh"), sections(slug, "en")
    assert len(chinese) == len(english)
    for first, second in zip(chinese, english, strict=True):
        assert first.paragraphs, f"{first.heading}: nothing under the heading"
        assert first.kinds == second.kinds, f"{first.heading} / {second.heading}"
        assert first.links == second.links, f"{first.heading} / {second.heading}"


@pytest.mark.parametrize("slug", TOPICS)
def test_both_languages_give_the_same_figures(slug: str) -> None:
    for first, second in zip(sections(slug, "zh"), sections(slug, "en"), strict=True):
        for chinese, english in zip(first.paragraphs, second.paragraphs, strict=True):
            assert numbers(chinese) == numbers(english), f"{chinese} / {english}"


@pytest.mark.parametrize("slug", TOPICS)
def test_links_lead_to_pages_that_exist(slug: str) -> None:
    pages = {"/", "/calculator", "/pension", "/pension/apply"}
    known = (pages | {f"/guide/{other}" for other in TOPICS}) - {f"/guide/{slug}"}
    for section in sections(slug, "zh"):
        assert set(section.links) <= known, section.heading


@pytest.mark.parametrize("slug", TOPICS)
def test_chinese_paragraphs_are_short_enough_to_read_on_a_phone(slug: str) -> None:
    for section in sections(slug, "zh"):
        for text in section.paragraphs:
            assert len(text) <= 120, text


def test_chinese_sentences_use_full_width_punctuation_and_polite_address() -> None:
    for place, text in texts("zh"):
        assert not HALF_WIDTH_IN_CHINESE.search(text), f"{place}: {text}"
        assert not GLUED_NUMBER.search(text), f"{place}: a space around the number: {text}"
        assert not re.search(r"[!！]", text), f"{place}: {text}"
        assert "你" not in text, f"{place}: {text}"
        assert text.count("“") == text.count("”"), f"{place}: {text}"
        assert text.count("（") == text.count("）"), f"{place}: {text}"


def test_english_sentences_use_english_punctuation() -> None:
    for place, text in texts("en"):
        assert not FULL_WIDTH.search(text), f"{place}: {text}"
        assert "!" not in text, f"{place}: {text}"
        assert text.count("“") == text.count("”"), f"{place}: {text}"


def test_each_hotline_is_named_for_what_it_answers() -> None:
    named: set[str] = set()
    for place, text in texts("zh"):
        for number, meant in re.findall(r"(\d{5})（(.+?)）", text):
            if meant in HOTLINES.values():
                assert HOTLINES[number] == meant, f"{place}: {text}"
                named.add(number)
        for number in re.findall(r"(?<!\d)12\d{3}(?!\d)", text):
            assert number in HOTLINES, f"{place}: {text}"
    assert named == set(HOTLINES)


def test_questions_are_complete_and_lead_to_a_topic_and_a_check() -> None:
    assert len(questions()) >= 40
    seen: set[str] = set()
    for one in questions():
        place = one.get("id")
        assert set(one) == {"id", "topic", "question", "answer", "check", "keywords"}, place
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", one["id"]), place
        assert one["id"] not in seen, place
        seen.add(one["id"])
        assert one["topic"] in TOPICS, place
        assert set(one["check"]) == {"service"}, place
        assert one["check"]["service"] in SERVICES, place
        assert one["question"]["zh"].endswith("？"), place
        assert one["question"]["en"].rstrip().endswith(("?", ".")), place


def test_every_topic_and_every_service_has_a_question() -> None:
    assert {one["topic"] for one in questions()} == set(TOPICS)
    assert {one["check"]["service"] for one in questions()} == set(SERVICES)


def test_questions_and_answers_stand_in_both_languages_with_the_same_figures() -> None:
    for one in questions():
        for part in ("question", "answer"):
            assert set(one[part]) == set(LANGUAGES), one["id"]
            assert numbers(one[part]["zh"]) == numbers(one[part]["en"]), one["id"]


def test_answers_are_two_to_four_short_sentences() -> None:
    for one in questions():
        for language in LANGUAGES:
            assert 2 <= sentences(one["answer"][language]) <= 4, (one["id"], language)
        assert len(one["answer"]["zh"]) <= 120, one["id"]


def test_questions_carry_the_words_people_type() -> None:
    for one in questions():
        assert set(one["keywords"]) == set(LANGUAGES), one["id"]
        for words in one["keywords"].values():
            assert len(words) >= 2, one["id"]
            assert len(set(words)) == len(words), one["id"]
        assert any(re.fullmatch(r"[a-zA-Z]+", word) for word in one["keywords"]["zh"]), one["id"]


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("丢卡", "lost-away"),
        ("断缴", "arrears"),
        ("fengcun", "sealed"),
        ("刷脸", "proof-how"),
        ("老伴", "family-account"),
        ("封顶", "cap-used"),
        ("blood pressure", "chronic"),
        ("screenshot", "qr-screenshot"),
    ],
)
def test_a_question_is_found_by_the_word_people_use_for_it(words: str, wanted: str) -> None:
    _, asked = guide.search(words, "zh")
    assert wanted in {one.id for one in asked}

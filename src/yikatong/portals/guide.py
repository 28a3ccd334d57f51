"""The guide and the questions people ask: Markdown and YAML of the package, searched in memory."""

from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any, cast

import msgspec
import yaml
from markdown_it import MarkdownIt
from markupsafe import Markup

from yikatong.core.errors import NotFound, Text
from yikatong.core.shipped import read_yaml


class Topic(msgspec.Struct, frozen=True):
    """One page of the guide in one language."""

    slug: str
    title: str
    summary: str
    order: int
    html: Markup
    searched: str
    """Everything a search looks through, in small letters."""


class Question(msgspec.Struct, frozen=True):
    """A question people ask, its answer, and the check it leads to."""

    id: str
    topic: str
    question: Text
    answer: Text
    service: str
    searched: str


@cache
def topics(language: str) -> Sequence[Topic]:
    """All topics in their order."""
    folder = resources.files("yikatong.data") / "guide"
    found: list[Topic] = []
    for file in folder.iterdir():
        slug, dot, rest = file.name.partition(".")
        if not dot or rest != f"{language}.md":
            continue
        _, head, body = file.read_text(encoding="utf-8").split("---\n", 2)
        facts = cast("dict[str, Any]", yaml.safe_load(head))
        # The texts are ours; raw HTML in them is still not passed through.
        html = Markup(MarkdownIt("js-default", {"html": False}).render(body))  # noqa: S704
        words = " ".join(str(word) for word in facts.get("keywords", ()))
        searched = f"{facts['title']} {facts['summary']} {words} {body}".lower()
        found.append(Topic(slug, facts["title"], facts["summary"], facts["order"], html, searched))
    return sorted(found, key=lambda topic: topic.order)


@cache
def questions() -> Sequence[Question]:
    """All questions in the order of the file."""
    file = resources.files("yikatong.data") / "guide" / "questions.yaml"
    found: list[Question] = []
    for entry in cast("list[dict[str, Any]]", read_yaml(file)):
        asked, answered = entry["question"], entry["answer"]
        keywords = entry.get("keywords", {})
        words = [*keywords.get("zh", ()), *keywords.get("en", ())]
        parts = [*asked.values(), *answered.values(), *words]
        found.append(
            Question(
                entry["id"],
                entry["topic"],
                Text(asked["zh"], asked["en"]),
                Text(answered["zh"], answered["en"]),
                entry["check"]["service"],
                " ".join(str(part) for part in parts).lower(),
            )
        )
    return found


def topic(slug: str, language: str) -> Topic:
    """One topic; raises NotFound."""
    for one in topics(language):
        if one.slug == slug:
            return one
    raise NotFound(zh="指南里没有这一页", en="the guide has no such page")


def search(words: str, language: str) -> tuple[Sequence[Topic], Sequence[Question]]:
    """Topics and questions that hold every word (Chinese, pinyin or English), best first."""
    wanted = words.lower().split()[:6]
    if not wanted:
        return topics(language), ()
    pages = [one for one in topics(language) if all(word in one.searched for word in wanted)]
    pages.sort(key=lambda one: wanted[0] not in one.title.lower())
    asked = [one for one in questions() if all(word in one.searched for word in wanted)]
    asked.sort(key=lambda one: wanted[0] not in one.question.in_language(language).lower())
    return pages, asked[:12]

"""Make `docs/reference/notices.md` from the table of kinds itself.

Run: python scripts/make_notices_page.py
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from yikatong.medical.filings.reminders import DAYS_BEFORE
from yikatong.people.notices.kinds import KINDS
from yikatong.people.notices.model import SUBJECTS, TEXT_STATES, FactType
from yikatong.people.notices.rules import WORDS_MAX
from yikatong.people.notices.service import ONCE_MAX, PER_DAY_MAX

PAGE: Final = Path(__file__).parents[1] / "docs" / "reference" / "notices.md"

_HEAD: Final = f"""# Notices

<!-- Made by scripts/make_notices_page.py from src/yikatong/people/notices; change it there. -->

What a person is told (通知): in the inbox (`/inbox`) always, and by text message where they chose it.

## To tell somebody something

```python
from yikatong.people.notices import service as notices

await notices.post(
    platform, connection, person_id, "card.ready", {{"place": "…"}}, once="card-123-ready"
)
```

- In the transaction of what it tells of: rolled back with it, told with it. Nothing is to be called after
  the commit. `post_many` takes many at once.
- **Once.** For a person and a kind, the same `once` (at most {ONCE_MAX} characters) is recorded once, whoever
  repeats it; the answer says whether it was new.
- **Facts** are those of the kind in the table below, no more and no fewer; anything else is an error of the
  program. The words are put together when the notice is read, in the reader's language.
- More than {PER_DAY_MAX} notices of one kind for one person a day come from a fault: they are left out, and
  logged.
- Notices are kept for two years. A kind keeps its name and its facts; with other facts it is another kind.

| type of a fact | what it is |
|---|---|
| day, moment | a `date`; a `datetime` with its zone |
| tail | the last four characters of a card's number |
| reference | a number of ours or of a parcel, to 40 letters, digits, hyphens; never an id number |
| region | a code of GB/T 2260 |
| words | a text, or a `Text` in both languages; cut at {WORDS_MAX} characters |
| money | fen |
| one of … | a word of a small table, which has it in both languages |

## By text message

A person chooses by subject (page `/settings`, `notice_choices`), with the language of the texts. Counter and
hotline do it for them: `PUT /api/v1/people/{{person_id}}/notices/choices` with
`{{"language", "large_type", "texts"}}`, all of it anew. The inbox cannot be switched off.

- Texts go to the phone on file through the [sender](identity.md#texts-to-phones). Between 22:00 and 08:00 only
  those about safety; others wait for eight o'clock. After two days none is sent any more.
- A sign-in on a new device is texted whatever was chosen, unless a code sent to that phone was the proof.
- Nothing is texted to who is recorded dead.
- What became of a text stands at the notice (page, API, command line); after 30 days it is forgotten, and
  `handed_over` remains:
"""

_READING: Final = f"""
## Reading

- `/inbox`: newest first, 20 a page; opening one makes it read, or all at once. How many wait stands in the
  head of each page. Acting for somebody, one sees theirs: a guardian all, an agent those about the card,
  filings or benefits, as far as the authority goes; what an agent reads stays unread. Both looks are recorded.
- `GET /api/v1/people/{{person_id}}/notices?limit=20&before=ID` (`notices.read`): what the person was told and
  chose; `next` is the following `before`. `yikatong notices list [PERSON | --id-number N] [--json]` the same.
  Recorded for the person to see; marks nothing as read.

## Reminders

Once a day in `yikatong up`, and by hand; run twice, nothing is told twice.

- **A filing ends**: {DAYS_BEFORE} days before, once for each last day, unless another goes on there;
  `yikatong filings run-due`.
- **A proof of life is due, overdue**: 60, 30 and 7 days before, and when payments are held;
  `yikatong proof-of-life run-due`.
- **Are phone and address still right?** Not confirmed for a year, or never: once a year until they are;
  `yikatong notices run-due`.

## Kinds

`yikatong notices kinds --json` prints the same. Kinds of the subject `security` are texted at any hour.
"""


def _facts(facts: dict[str, FactType]) -> str:
    told: list[str] = []
    for name, wanted in facts.items():
        kind = wanted if isinstance(wanted, str) else f"one of {', '.join(wanted)}"
        told.append(f"{name}: {kind}")
    return "; ".join(told)


def _lines() -> Iterator[str]:
    yield _HEAD
    yield "\n| state | |\n|---|---|\n"
    for state, text in TEXT_STATES.items():
        yield f"| `{state}` | {text.zh} · {text.en} |\n"
    yield _READING
    for subject, name in SUBJECTS.items():
        yield f"\n### `{subject}`: {name.zh} · {name.en}\n\n"
        yield "| kind and facts | what it says | leads to |\n|---|---|---|\n"
        for kind in KINDS.values():
            if kind.subject == subject:
                facts = f"<br>{_facts(dict(kind.facts))}" if kind.facts else ""
                yield (
                    f"| `{kind.name}`{facts} | **{kind.title.zh}** {kind.body.zh}<br>"
                    f"**{kind.title.en}** {kind.body.en} | {f'`{kind.link}`' if kind.link else ''} |\n"
                )


def page() -> str:
    """The page as it should be."""
    return "".join(_lines())


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)

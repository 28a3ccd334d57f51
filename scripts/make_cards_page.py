"""Make `docs/reference/cards.md` from the tables of the card office and the rules of regions.

Run: python scripts/make_cards_page.py
"""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Final

from yikatong.cards.office import services, table, terms
from yikatong.cards.office.errors import STATE_NAMES
from yikatong.cards.office.model import BY_NAMES, CHANNEL_NAMES, MATERIAL_NAMES, WHY_NAMES
from yikatong.cards.office.table import EFFECTS, RESTORED, Move
from yikatong.core.money import format_yuan
from yikatong.core.regions import full_name

PAGE: Final = Path(__file__).parents[1] / "docs" / "reference" / "cards.md"
_ON: Final = date(2026, 3, 1)

_HEAD: Final = """# The card office (社保卡经办)

<!-- Made by scripts/make_cards_page.py from src/yikatong/cards/office and data/card_rules.yaml; change them there. -->

From the application to the next card: apply, review, make, hand over, activate, lose, find, replace,
renew, cancel. One table says what can happen when; the office carries out what it says, and pages, API
and command line get the same refusals from it.

A person has at most one live card, and at most one application under way. A card comes into being when
it is handed over, and in the same moment the old one ends: nothing works with it any more, no PIN, no
e-card, no yes of the portability answer. The account goes from the old card to the new one at the same
bank; at another bank one is opened with the card.

"""

_REST: Final = """
## How a region differs (办理规则)

`yikatong cards rules REGION`, `GET /api/v1/cards/rules/{region}`: what holds in a region on a day, with
its sources. What a region does not say comes from its province, then from the nation. Most figures were
found in web pages of third parties, some are remembered, none was compared with the official text: the
file says which is which, and `review: unverified` says it of the whole.

"""

_TAIL: Final = """
## Counters (网点)

`yikatong cards counters 510100`, `GET /api/v1/cards/counters?region=510100`: where cards are applied for,
made and collected. They are made up for every pooling region at the first start; their names say
"示例 · sample". A card is collected at an open counter (`pickup_place`), of the agency or of the issuing
bank; left out, at the counter that took the application in. Only counters with `prints_at_once`, in the
issuing region, make a card while one waits. The bank side is activated at a branch of the issuing bank.

## What follows a replaced card

Filings, authority of agents, entitlements and registrations belong to the person and stay as they are. At the same
bank the account goes to the new card, and with it standing orders, what is paid onto it, and its history; at
another bank the old account stays open there, with its standing orders, and benefits are paid onto the new one. The
old card's number, PIN and e-cards end at once, offline lists included: an e-card is bound anew.

## What an applicant does online

At `/card`, signed in, or acting for somebody:

- `/card/apply/{first,replace,renew}` asks for the papers that the case needs: a photo for the first card, and
  for any where the region takes none from the population base, or of a child; the household register where data
  changed; where another place than the insured one is to issue the card, that place and a proof of living there.
- The fee is paid from a bank account, also from the one that is stopped for the loss: nothing else goes out of
  it. A weak session adds a face check.
- A card that came by post is confirmed with the last four of its number (five wrong ones an hour): it is the
  person's from then on, as if the office had recorded the delivery, and can be activated.
- How far it is, step by step; what the office asks for and until when (`asked_for`, `asked_until`: the
  region's days from the day it asked; the notice says the same).
- `/card/amend` adds it: documents one at a time (a photo or PDF of at most 5 MB, ten an application, told by
  content, sealed), a word to the reviewer (sealed), another counter or address; then all goes back to the
  review with one button. Documents stay where the page is left in between. Nothing added at all is refused.
- What is not added in time ends by itself the day after (`lapse`); a fee that was paid is given back.
- `/card/withdraw` says what withdrawing means before it does it, until the card is at the maker's.
- What was refused, or ended so, says why and what to do, until there is another application.
- `/applications` has all that somebody applied for on one page, the newest first: cards, filings, claims by
  hand, pensions, unemployment benefit, changes of data, each as steps (done, now, next) with their days, what
  is asked of them, and where it goes on. An agent sees the kinds the authority covers.

## Who may do what, where

Permissions stand in [access.md](access.md): `cards.read`, `cards.apply`, `cards.review`, `cards.issue`,
`cards.report_loss`, `cards.withdraw_loss`, `cards.unlock`, `cards.cancel`. Besides:

- **Region.** An office acts where the person lives or is insured. An application may also be seen to by the
  region that decides it, mended and withdrawn by the one that took it in, and the card handed over by the
  one where it lies. Only the region that decides reviews, and never who took it in.
- **Channel.** Each command states its `channel`, which must be one the caller stands for: staff of a counter
  `counter` and `cross_province`, the hotline `phone`, a machine `bank`, and for the
  activation and PINs also `terminal` (自助机, where the id document is read). `online` belongs to the holder's
  own pages.
- **Counter.** `counter` is where the caller says to be; it must lie in one of the caller's regions.

### Cross-province (跨省通办)

A counter of Beijing acts for anybody who stands there with the id document: `channel` `cross_province`, its
own `counter`, and `document` (id number and name, which must belong together and to the person).

At the counter this is [a page](counter.md#people-from-elsewhere); over the API:

1. `POST /api/v1/cards/find` with the document (and `card_number`, where a card lies beside it) answers the
   `person_id`, and nothing else. Five wrong tries an hour at one number, thirty by one caller; the person
   reads of each.
2. `POST /api/v1/people/{person_id}/cards/applications`: taken in there, decided by the insured place.
3. The insured place reviews, orders and sends the card to the counter in Beijing.
4. Beijing hands it over, and activates it if asked. It sees this application, and no other card, no
   history, no address. It adds documents to what it took in.

A counter decides at once only for who is insured in its own pooling region; for others it takes in.

To be given a card by a region without being insured there, one shows a residence permit, a labour contract
or a certificate of study, and that region decides (`region`).

## The API

Reading, open to everybody: `/api/v1/cards/services`, `/states`, `/rules/{region}`, `/counters?region=`.

| `/api/v1/people/{person}/cards…` | permission | |
|---|---|---|
| `GET ` | `cards.read` | cards and applications, numbers masked |
| `GET …/history` | `cards.read` | everything that happened |
| `GET …/applications/{id}` | `cards.read` | one application |
| `GET …/applications/{id}/address` | `cards.issue` | where the card is sent |
| `POST …/applications` | `cards.apply` | apply |
| `POST …/applications/{id}/amend`, `/withdraw`, `/fee` | `cards.apply` | add what was asked for, withdraw, pay |
| `POST …/applications/{id}/ask`, `/approve`, `/reject` | `cards.review` | review |
| `POST …/applications/{id}/print`, `/hand-over` | `cards.issue` | hand over |
| `POST …/applications/{id}/post`, `/come-back`, `/lose`, `/deliver` | `cards.issue` | by post |
| `POST …/{card}/activate`, `/activate-bank` | `cards.issue` | activate a side |
| `POST …/{card}/activate-by-phone` | `cards.activate_by_phone` | by the `tail` of the card's number |
| `POST …/{card}/report-loss`, `/report-loss-provisionally` | `cards.report_loss` | lost |
| `POST …/{card}/withdraw-loss` | `cards.withdraw_loss` | found |
| `POST …/{card}/unlock`, `/change-pin`, `/reset-pin` | `cards.unlock` | PIN; changed: `old`, `new` |
| `POST …/{card}/cancel` | `cards.cancel` | for good; answers what remains to be settled |

`GET /api/v1/cards/applications?state=&region=` is the work list: ids and states of the caller's regions, no
names. Every command carries an `Idempotency-Key`; the same key and content is answered with what is there.

At the counter of Chengdu, from nothing to a card that works ([how to get a token](access.md)):

```sh
BASE=http://127.0.0.1:8000/api/v1/people/1000006/cards
SHOWN='"channel":"counter","counter":"S51010400001","materials":["identity","photo"]'
ask() { curl -s -H "Authorization: Bearer $TOKEN" -H "Idempotency-Key: $1" -H 'Content-Type: application/json' \\
    "$BASE/$2" -d "$3"; }

ask a1 applications "{$SHOWN,\\"kind\\":\\"first\\"}"                  # in_production: decided at once
ask a2 applications/$APPLICATION/print "{$SHOWN}"                  # issued: the card_id
ask a3 $CARD/activate "{$SHOWN,\\"pin\\":\\"730951\\"}"                # active
ask a4 $CARD/report-loss "{$SHOWN}"                                # loss_reported; the account stops, too
ask a5 applications "{$SHOWN,\\"kind\\":\\"replace\\",\\"why\\":\\"lost\\"}" # a fee is due
ask a6 applications/$APPLICATION/fee "{$SHOWN}"                    # in cash
ask a7 applications/$APPLICATION/print "{$SHOWN}"                  # the new card; the old one is replaced
```

Documents are uploaded to the matter `card_application` ([documents](documents.md)) while it is under review,
and deleted two years after it ended.

### The hotline

`POST /api/v1/cards/hotline` with a name, an id number or card number, and a third fact (`phone` or `card`: the
last four; `residence`: the district; `birth_date`, where the card number was given). The answer is `matched`
and, if all three agree, how card and application stand, in plain words. Which fact is wrong is not told. Five
wrong tries an hour at a number, thirty an hour by a member of staff. The person reads of it in the trail.

Then, on the phone: a provisional loss report, and the activation of a card that lies with the caller, who reads
the last four of its number (five wrong ones an hour). No PIN is said; until the holder has chosen one, online or
at a counter, `/me` asks for it.

## As time goes by

`yikatong cards run-due`, and by itself while the platform runs: provisional reports end to the second and
their holders are told the day before; cards expire the day after their last, and holders are told once
before; uncollected cards are asked for again and again and destroyed in the end, a paid fee given back. Who waits for
the post is asked for a fee that is due, and told when the parcel came back. A card that runs out during a
provisional report expires when the report has ended, so that its account is free again.

## On the command line

`yikatong cards --help`. `yikatong cards table` prints the tables below. Reading commands take `--json`; a new
PIN is typed unseen, or is the first line of what is piped in (to `change-pin` the second, after the old one);
`--as` says which member of staff is written down, so that somebody else reviews than took an application in.
"""


def _services() -> Iterator[str]:
    yield "## Services (办理事项)\n\n| service | who | channels | shows | |\n|---|---|---|---|---|\n"
    for one in services.SERVICES.values():
        who = ", ".join(f"{by} {BY_NAMES[by].zh}" for by in one.who)
        ways = ", ".join(f"{way} {CHANNEL_NAMES[way].zh}" for way in one.channels)
        needs = ", ".join(f"{need} {MATERIAL_NAMES[need].zh}" for need in one.needs)
        note = f"{one.note.zh} · {one.note.en}" if one.note.zh else ""
        yield f"| `{one.name}` {one.text.zh}<br>{one.text.en} | {who} | {ways} | {needs} | {note} |\n"
    yield (
        "\nBesides: an agent shows their own id document, a guardian that and proof of guardianship;"
        " next of kin theirs, proof of kinship and the death certificate; changed data asks for the"
        " household register. Online the session proves who it is. Below 16, and under guardianship,"
        " only a guardian acts.\n\nAll documents: "
    )
    yield ", ".join(f"`{name}` {text.zh}" for name, text in MATERIAL_NAMES.items())
    yield ". Reasons for a new card: "
    yield ", ".join(f"`{name}` {text.zh}" for name, text in WHY_NAMES.items())
    yield ".\n"


def _states(title: str, moves: tuple[Move, ...]) -> Iterator[str]:
    yield f"\n### {title}\n\n| state | event | becomes | if | so |\n|---|---|---|---|---|\n"
    for one in moves:
        before = "<br>".join(f"`{state}`" for state in one.before) or "(none)"
        after = "what it was before" if one.after == RESTORED else f"`{one.after}`"
        guards = "<br>".join(f"{guard.text.zh} · {guard.text.en}" for guard in one.guards)
        effects = "<br>".join(f"{EFFECTS[one].zh} · {EFFECTS[one].en}" for one in one.effects)
        yield (
            f"| {before} | `{one.event}` {one.text.zh}<br>{one.text.en}"
            f" | {after if one.after else 'stays'} | {guards} | {effects} |\n"
        )


def _regions() -> Iterator[str]:
    yield "| | provisional report, days | fee, yuan | made in working days | from |\n|---|---|---|---|---|\n"
    book = terms.load()
    nation = book.find(terms.NATION, _ON)
    for code in (terms.NATION, *book.regions()):
        one = book.find(code, _ON)
        name = "全国 · the nation" if code == terms.NATION else f"{code} {full_name(code)}"
        figures = (one.provisional_days, format_yuan(one.fee), one.production_days)
        theirs = (nation.provisional_days, format_yuan(nation.fee), nation.production_days)
        shown = [
            f"{mine}" if code == terms.NATION or mine != its else "·"
            for mine, its in zip(figures, theirs, strict=True)
        ]
        yield f"| {name} | {' | '.join(shown)} | {one.sources[-1]} |\n"
    yield (
        f"\n·: as in the nation. Everywhere: valid for {nation.valid_years} years, reviewed within"
        f" {nation.review_days} days, what is asked for added within {nation.amend_days}, asked to"
        f" collect every {nation.collect_days} days, destroyed"
        f" after {nation.keep_days}, told {nation.remind_days} days before it expires. The first card"
        " is free.\n"
    )


def page() -> str:
    """The whole page."""
    states = "\n".join(f"- `{name}` {text.zh} · {text.en}" for name, text in STATE_NAMES.items())
    parts = [
        _HEAD,
        *_services(),
        "\n## States (状态表)\n\n",
        states,
        "\n",
        *_states("Applications (申请)", table.APPLICATION),
        *_states("Cards (卡)", table.CARD),
        _REST,
        *_regions(),
        _TAIL,
    ]
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)

"""Make `docs/reference/access.md` from the table of permissions and the routes themselves.

Run: python scripts/make_access_page.py
"""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final, cast

from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from yikatong.app import create_app
from yikatong.core.clock import SHANGHAI, FixedClock
from yikatong.core.platform import Platform
from yikatong.core.sealing import Vault
from yikatong.core.settings import Settings
from yikatong.trust.access import OPEN, PERMISSIONS, ROLES

PAGE: Final = Path(__file__).parents[1] / "docs" / "reference" / "access.md"

_HEAD: Final = """# Who may do what

<!-- Made by scripts/make_access_page.py from src/yikatong/trust/access.py and the routes; change them there. -->

Every route of the JSON API names one permission. A caller has it by a role (staff) or was given it
(machines), within a region and all that lies in it. Least privilege: the administrator manages users
and sees no person's data, the operator runs the machine, the auditor sees and changes nothing, who
decides a claim does not pay it, and nobody of the staff moves the money of people.

## Callers

- **staff 工作人员**: a session of number, password and a code of the second factor. On pages the cookie
  `staff` (page `/staff`); programs send `POST /api/v1/staff/sessions` and show `Authorization: Bearer <token>`.
  They may do what their roles have, in the roles' regions; a role taken back counts at once.
- **machine 接口凭证**: `Authorization: Bearer <id>.<secret>` (`yikatong machines add`). It may do what it was
  given; revoked, it is out within 20 seconds.
- **the installation**: `Authorization: Bearer <token>` of `DATA/keys/operator.token`. It may do everything in
  the nation, but approve.
- **the command line on the machine** has the key of the installation: everything, without a second person.

Hospitals call the [hospital interface](hospital-interface.md) with credentials of their own. Persons
sign in on the pages and see their own affairs.

A secret of a machine lasts a year, or as many days as are said. `yikatong machines rotate` makes a second
one; the one in use works for 24 hours more. Administrators of the nation do the same at
`/operations/machines` and `POST /api/v1/machines`, with services that sign people in at
`/operations/clients` and `/api/v1/openid/clients`. Which signing key is in use, and whose turn it is to
change one, stands at `/operations/keys`.

A secret that was just made is shown to who asked for it, and to nobody else, until they press that it was
handed over, for a quarter of an hour at most; meanwhile it lies sealed. The same form, or the same
`Idempotency-Key` with the same content, makes no second one.

## Where

| place | which region counts |
|---|---|
| person | where the person lives, or is insured: one of them is enough |
| fund | that of the fund or its agency; of an employer its region |
| region | the one the request names |
| nation | none smaller: only who may do it everywhere may do it |
| any | none: a caller of any region may |
| provider | none: the one hospital, clinic or pharmacy that the member works for, and no other |

Lists show what lies in the caller's regions. Who may do something, but not there, is answered
`not_allowed` with `field` `region`; of a person elsewhere nobody of a region learns whether they exist
by their number.

## Four eyes (双人复核)

Where **two** stands, a second member of staff with the same permission there must approve. The request is
answered with 202 and `approval_id`; the second person looks at it (`GET /api/v1/approvals`, page `/staff`)
and sends `POST /api/v1/approvals/{id}/approve` or `/refuse` within 24 hours. Approved, it is carried out,
once; the first request sent again with the same `Idempotency-Key` is answered with what was done. Nobody
approves what they asked for, whatever roles they have, and machines approve nothing. This holds for the
installation's token too; the command line on the machine itself asks nobody.

In use for: court freezes and releases, payments from a fund to a person, inheritance of a medical account,
granting a role, and resetting a member's second factor: an administrator who resets password and second
factor alone could sign in as a colleague and approve as two. Where nobody else can approve, the command
line on the machine does it. An administrator who adds a member knows the first password: whoever approves
a role makes sure that the member exists and has signed in themselves. The trail of the person names who
asked and who approved. What is about an administrator's own role or second factor, a third one approves.

## Staff

`yikatong staff add NUMBER --name … --role administrator` makes the first administrator and prints a first
password. At the first sign-in the member scans the second factor (RFC 6238), keeps ten codes for recovery,
and chooses a password (12 characters or more, none of the common ones). A session ends after 15 minutes
without a request, after 10 hours at the latest.

Tries are counted before they are looked at, and a right one is taken back: 5 wrong ones in a quarter of an
hour and 20 a day against a number, as many against its codes, and 60 and 500 tries from an address. Whoever
knows only a number can use these up, but not lock the member out: a browser in which the member signed in
before (cookie `staff_device`, 180 days, kept as a hash) has as many of its own, and who is signed in
changes the password whatever strangers try. In a new browser the member waits, or an administrator (or
`yikatong staff unlock`) forgets the tries. A code of the second factor counts once, whichever browser shows
it, and of two who set one up at once with the same first password one does.

Administrators and auditors find members at `/staff/members`: whose office lies in their regions, or who has
a role there. Auditors look; administrators

- add a member and print the sheet with the first password;
- grant a role within their own regions to members of offices there, which a second administrator approves,
  and take roles back;
- unlock, end sessions, suspend and resume (leave of absence), or record that somebody left, which is for good;
- give a new first password, and reset the second factor (approved by a second one).

They do it only where the member's office and all of the member's roles lie within their regions, and never
with themselves. Each act stands in the member's file, with who did it. What a form held when the session
ran out is there after signing in.

A counter of Sichuan, and what it does as a program:

```sh
yikatong staff add sc-counter --name 周窗口 --role counter --region 510000    # prints the first password
# first sign-in at /staff; then, with the password chosen there and a fresh code of the second factor:
curl -s http://127.0.0.1:8000/api/v1/staff/sessions -H 'Content-Type: application/json' \\
    --data '{"number": "sc-counter", "password": "…", "code": "123456"}'
curl -s http://127.0.0.1:8000/api/v1/medical/filings/1000001 -H 'Authorization: Bearer _sc-counter.…'
```

An administrator does the same by `POST /api/v1/staff` (`number`, `name`, `region`: the member, no role yet)
and `POST /api/v1/staff/{number}/grants` (`role`, `region`, header `Idempotency-Key`), which a second
administrator approves. There are no pages for it yet; approving has one, `/staff`. Region codes:
`yikatong regions 四川`.

A hospital, clinic or pharmacy without a system of its own works at [the visit desk](../guides/clinic.md). Its
staff is added with the provider's code and has one role, `provider`, in the provider's region: they see visits,
settlements and day totals of their own provider, and nobody's file. At the command line
`yikatong staff add NUMBER --name … --provider CODE` is all; over the API `provider` goes with
`POST /api/v1/staff`, and the role `provider` is granted and approved like others. Who works for a provider gets
no other role, and who works for an agency does not get this one.

In the sandbox there is one member for each role; `yikatong sandbox show` and the page `/sandbox` show their
passwords.

"""


def _routes() -> dict[str, list[str]]:
    """The routes of each permission, as "METHOD path"."""
    clock = FixedClock(datetime(2026, 1, 1, tzinfo=SHANGHAI))
    settings = Settings(data_dir=Path("unused"), operator_token="x" * 32)
    # Nothing is asked of the database: only the routes are looked at.
    app = create_app(Platform(cast("Any", None), clock, Vault(bytes(32)), settings))
    found: dict[str, list[str]] = {}
    for route in app.routes:
        for handler in route.route_handlers if isinstance(route, HTTPRoute) else ():
            assert isinstance(handler, HTTPRouteHandler)
            if permission := handler.opt.get("permission"):
                path = route.path.replace(":int", "").replace(":str", "")
                methods = sorted(str(one) for one in handler.http_methods - {"OPTIONS"})
                found.setdefault(permission, []).extend(f"{one} {path}" for one in methods)
    return found


def _lines() -> Iterator[str]:
    yield "## Permissions\n\n"
    yield f"| | where | {' | '.join(ROLES)} |\n"
    yield f"|---|---|{'---|' * len(ROLES)}\n"
    for one in PERMISSIONS.values():
        marks = " | ".join("●" if role in one.roles else "" for role in ROLES)
        two = " **two**" if one.two_persons else ""
        only = "" if one.roles else " (machines only)"
        yield f"| `{one.name}`{two}<br>{one.text.zh} · {one.text.en}{only} | {one.place} | {marks} |\n"
    yield "\nThe roles: "
    yield ", ".join(f"{role} {text.zh}" for role, text in ROLES.items())
    yield ".\n\n## Routes\n\n| permission | routes |\n|---|---|\n"
    routes = _routes()
    for name in PERMISSIONS:
        if name in routes:
            yield f"| `{name}` | {'<br>'.join(f'`{one}`' for one in sorted(routes[name]))} |\n"
    rest = [name for name in PERMISSIONS if name not in routes]
    yield "\nWithout a route of the API (pages, the command line, or what is being built): "
    yield ", ".join(f"`{name}`" for name in rest)
    yield ".\n\n## Open to everybody\n\n"
    for path, text in OPEN.items():
        yield f"- `{path}`: {text.zh} · {text.en}\n"


def page() -> str:
    """The whole page."""
    return _HEAD + "".join(_lines())


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)

"""Day totals of a provider: the sums, the cash to count, its own figures and notes against the books."""

from typing import Any, Final
from urllib.parse import urlencode

from litestar import Request, Response, get
from litestar.di import NamedDependency

from yikatong.core.clock import today
from yikatong.core.errors import InvalidInput, YikatongError
from yikatong.core.money import Fen, parse_yuan
from yikatong.core.platform import Platform
from yikatong.medical.provider_desk import days, service
from yikatong.medical.provider_desk.days import Counted, Day
from yikatong.medical.receipts_shown import CARE_NAMES
from yikatong.medical.visits.model import CARE_OF
from yikatong.policies.requests import parse_day
from yikatong.portals.clinic.desk import ClinicDesk, open_clinic
from yikatong.portals.clinic.pages import CLINIC
from yikatong.portals.counter.desk import FINE, Wrong
from yikatong.portals.sign_in import answer_wrong
from yikatong.portals.view import SECURITY_HEADERS

_MAY: Final = "visit.reconcile"
_PAGE: Final = 50
_DIFFERENCES_SHOWN: Final = 50


@get(f"{CLINIC}/day", include_in_schema=False)
async def day(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """Today, another day, or up to 31 of them; as page, CSV or PDF."""
    at = await open_clinic(request, platform, _MAY)
    query = request.query_params
    on = f"{today(platform.clock)}"
    form = {name: query.get(name, "").strip()[:20] for name in ("cash", "count", "total", "funds")}
    form["since"] = query.get("since", "").strip()[:10] or on
    form["until"] = query.get("until", "").strip()[:10] or form["since"]
    try:
        since, until = parse_day(form["since"], "since"), parse_day(form["until"], "until")
        found = await days.of(platform, at.clerk, since, until)
    except YikatongError as error:
        wrong = answer_wrong(at.desk.view, error, "since")
        fresh = today(platform.clock)
        found = await days.of(platform, at.clerk, fresh, fresh)
        return await _show(at, found, form, [], 0, wrong)
    made = query.get("format", "")
    if made in ("csv", "pdf"):
        return await _file(at, found, made)
    try:
        said = days.compare(found, _counted(form))
    except InvalidInput as error:
        return await _show(at, found, form, [], 0, answer_wrong(at.desk.view, error, "cash"))
    page = query.get("page", "0")
    number = int(page) if page.isascii() and page.isdigit() and len(page) < 4 else 0
    return await _show(at, found, form, said, number)


def _counted(form: dict[str, str]) -> Counted:
    def amount(name: str) -> Fen | None:
        text = form[name].replace(",", "")
        if text.startswith("-"):
            return -parse_yuan(text[1:], name)
        return parse_yuan(text, name) if text else None

    count = form["count"]
    if count and not (count.isascii() and count.isdigit() and len(count) < 7):
        raise InvalidInput("count", zh="笔数应为整数", en="a whole number")
    return Counted(amount("cash"), int(count) if count else None, amount("total"), amount("funds"))


async def _show(
    at: ClinicDesk,
    found: Day,
    form: dict[str, str],
    said: list[Any],
    page: int,
    wrong: Wrong = FINE,
) -> Response[Any]:
    desk, language = at.desk, at.desk.language
    noted = {one.settlement_id for one in found.noted}
    rows = days.shown(found.rows, page, _PAGE)
    query = {"since": f"{found.since}", "until": f"{found.until}"}
    more = (page + 1) * _PAGE < len(found.rows)
    waiting = await service.open_ones(desk.platform, at.clerk)
    return desk.respond(
        "clinic-day.html", wrong,
        current="clinic_day", provider=at.name, form=form, day=found, sums=found.all,
        one_day=found.since == found.until,
        period=desk.view.day(f"{found.since}" if found.since == found.until else f"{found.since} – {found.until}"),
        groups=[
            (days.group_name(insurance, care).in_language(language), one)
            for insurance, care, one in found.groups
        ],
        said=[(text.in_language(language), agrees) for text, agrees in said],
        differences=[
            (
                one.text.in_language(language),
                (one.ours or one.theirs),
                desk.view.text(f"clinic_difference_{one.kind}"),
            )
            for one in found.differences[:_DIFFERENCES_SHOWN]
        ],
        rows=[
            {
                "address": f"{CLINIC}/settlements/{row.settlement_id}"
                if row.settlement_id in noted
                else "",
                "number": row.settlement_id,
                "at": f"{row.settled_at:%H:%M}"
                if found.since == found.until
                else desk.view.day(row.settled_at),
                "care": CARE_NAMES[CARE_OF[row.care_code][1]].in_language(language),
                "reversal": row.reverses is not None,
                "one": row,
                "by_card": row.settlement_id in found.by_card,
            }
            for row in rows
        ],
        waiting=len(waiting),
        csv=f"{CLINIC}/day?{urlencode({**query, 'format': 'csv'})}",
        pdf=f"{CLINIC}/day?{urlencode({**query, 'format': 'pdf'})}",
        more=f"{CLINIC}/day?{urlencode({**query, 'page': page + 1})}" if more else "",
    )  # fmt: skip


async def _file(at: ClinicDesk, found: Day, kind: str) -> Response[bytes]:
    name = f"day-{at.clerk.provider.provider_code}-{found.since}"
    if found.until != found.since:
        name += f"-{found.until}"
    if kind == "csv":
        content, media = days.as_csv(found), "text/csv; charset=utf-8"
    else:
        now = at.desk.platform.clock.now()
        content, media = await days.as_pdf(found, at.clerk, now), "application/pdf"
    headers = {
        **SECURITY_HEADERS, "Content-Disposition": f'attachment; filename="{name}.{kind}"',
    }  # fmt: skip
    return Response(content, media_type=media, headers=headers)


routes: Final = [day]

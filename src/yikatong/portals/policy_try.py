"""The page of policy designers: a draft checked line by line, and computed beside the one in force.

In memory only: nothing of it is kept. One reader's draft is small and stopped after seconds, and few
are computed at once.
"""

import asyncio
import time
from datetime import date, timedelta
from typing import Any, Final

from litestar import Request, Response, get, post
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency

from yikatong.core.clock import today
from yikatong.core.coalescing import Busy
from yikatong.core.errors import InvalidInput, YikatongError
from yikatong.core.platform import Platform
from yikatong.policies import files, shown, trying, words
from yikatong.policies import service as policies
from yikatong.policies.errors import PolicyFileError
from yikatong.policies.model import Policy
from yikatong.policies.trying import BYTES_MAX, Row, Trial
from yikatong.portals.policy_pages import (
    POLICIES,
    in_force,
    text_of,
    told_changes,
    told_outcomes,
)
from yikatong.portals.sign_in import answer_wrong, visitor_of
from yikatong.portals.signed_in import same_site
from yikatong.portals.view import View
from yikatong.trust import guessing
from yikatong.trust.guessing import Limit

TRY: Final = f"{POLICIES}/try"
_AT_ONCE_MAX: Final = 2
_OF_ADDRESS: Final = (Limit(60, timedelta(minutes=10)),)
"""Drafts sent from an address: more than a writer reads, and no more work than others bear."""
_ERRORS_MAX: Final = 50
_running = 0


@get(TRY, include_in_schema=False)
async def form(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[str]:
    """An empty form, or one with a policy to start from."""
    view, query = View.of(request), request.query_params
    versions = policies.load().versions(query.get("region", ""), query.get("insurance", ""))
    draft = ""
    if versions:
        asked = query.get("from", "")
        one = next((each for each in versions if str(each.starts_on) == asked), None)
        draft = text_of(one or in_force(versions, today(platform.clock)))
    return _respond(request, view, draft)


def _respond(
    request: Request[Any, Any, Any],
    view: View,
    draft: str,
    wrong: tuple[dict[str, str], int, dict[str, str]] = ({}, 200, {}),
    **facts: Any,
) -> Response[str]:
    errors, status, headers = wrong
    if request.method == "POST":
        view.path, view.query = TRY, []
    known: dict[str, Any] = {"faults": [], "more_faults": "", "trial": None}
    response = view.respond(
        request, "policy-try.html", status=status, current="policies", draft=draft, errors=errors,
        kilobytes=str(BYTES_MAX // 1024), **{**known, **facts},
    )  # fmt: skip
    response.headers.update(headers)
    return response


@post(TRY, include_in_schema=False)
async def attempt(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[str]:
    """Check the draft, and compute it beside the policy in force."""
    same_site(request)
    view, draft = View.of(request), ""
    try:
        draft = await _sent(request)
        address = visitor_of(request, platform).address
        await guessing.count(platform, [(f"policy drafts:{address}", _OF_ADDRESS)])
        policy, faults, trial = await _work(draft, today(platform.clock))
    except YikatongError as error:
        return _respond(request, view, draft, answer_wrong(view, error, "draft"))
    if policy is None or trial is None:
        lines = draft.splitlines()
        told = [
            {
                "line": str(one.line),
                "field": "" if one.wrong_field == "-" else one.wrong_field,
                "text": one.reason.in_language(view.language),
                "source": lines[one.line - 1].strip()[:80] if one.line <= len(lines) else "",
            }
            for one in faults[:_ERRORS_MAX]
        ]
        errors = {"draft": view.text("try_faults", count=str(len(faults)))}
        more = str(len(faults) - _ERRORS_MAX) if len(faults) > _ERRORS_MAX else ""
        return _respond(request, view, draft, (errors, 422, {}), faults=told, more_faults=more)
    return _respond(request, view, draft, trial=_told(view, policy, trial))


async def _sent(request: Request[Any, Any, Any]) -> str:
    """The draft: of a file, else what was typed. Raises InvalidInput."""
    sent = await request.form()
    file, typed = sent.get("file"), str(sent.get("draft") or "")
    content = await file.read() if isinstance(file, UploadFile) else b""
    if not content:
        content = typed.replace("\r\n", "\n").encode("utf-8", "replace")
    if not content.strip():
        raise InvalidInput(
            "draft", zh="请粘贴或上传一份政策文件", en="paste a policy file, or choose one"
        )
    if len(content) > BYTES_MAX:
        raise InvalidInput(
            "draft",
            zh=f"最多 {BYTES_MAX // 1024} KB，一份政策文件通常只有 3 KB",
            en=f"at most {BYTES_MAX // 1024} KB; a policy file usually has 3 KB",
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidInput("draft", zh="应为 UTF-8 文字", en="must be text in UTF-8") from None


async def _work(draft: str, day: date) -> tuple[Policy | None, list[PolicyFileError], Trial | None]:
    global _running  # noqa: PLW0603 - how many drafts this process computes now
    if _running >= _AT_ONCE_MAX:
        raise Busy(
            zh="正在试算的人多，请稍后再试，内容已保留",
            en="others are trying drafts right now; please send it again in a moment",
        )
    _running += 1
    try:
        return await asyncio.to_thread(_compute, draft, day)
    finally:
        _running -= 1


def _compute(draft: str, day: date) -> tuple[Policy | None, list[PolicyFileError], Trial | None]:
    policy, faults = files.check("draft.yaml", draft)
    if policy is None:
        return None, faults, None
    return policy, [], trying.run(policies.load(), policy, day, time.monotonic)


def _told(view: View, draft: Policy, trial: Trial) -> dict[str, Any]:
    compared = [one.more for one in trial.rows if one.more is not None]
    changes = words.difference(trial.current, draft) if trial.current else []
    outcomes = told_outcomes(view, trial.examples)
    return {
        "title": shown.policy_title(draft).in_language(view.language),
        "since": str(draft.starts_on),
        "day": str(trial.day),
        "current": str(trial.current.starts_on) if trial.current else "",
        "changes": told_changes(view, changes),
        "more": str(sum(one > 0 for one in compared)),
        "less": str(sum(one < 0 for one in compared)),
        "same": str(sum(one == 0 for one in compared)),
        "rows": [_row(view, one) for one in trial.rows if one.more != 0],
        "unchanged": [_row(view, one) for one in trial.rows if one.more == 0],
        "examples": outcomes,
        "agree": str(sum(not one["differences"] for one in outcomes)),
    }


def _row(view: View, one: Row) -> dict[str, Any]:
    return {
        "who": one.who.in_language(view.language),
        "what": one.what.in_language(view.language),
        "total": one.total,
        "before": one.before.funds if one.before else None,
        "after": one.after.funds if one.after else None,
        "more": one.more,
    }


routes: Final = [form, attempt]

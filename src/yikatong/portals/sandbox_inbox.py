"""The test inbox: what would have gone to phones. In a sandbox alone."""

from typing import Any

from litestar import Request, Response, get
from litestar.di import NamedDependency

from yikatong.core import sending
from yikatong.core.days import moment_in_words
from yikatong.core.platform import Platform
from yikatong.medical.sandbox import service
from yikatong.portals.view import View


@get("/sandbox/inbox", include_in_schema=False)
async def inbox(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[str]:
    """The newest texts, newest first."""
    service.require(platform)
    view = View.of(request)
    texts = await sending.inbox(platform)
    rows = [
        (moment_in_words(one.at, view.language, seconds=True), one.to_masked, one.words)
        for one in texts
    ]
    return view.respond(request, "sandbox-inbox.html", rows=rows)


routes = [inbox]

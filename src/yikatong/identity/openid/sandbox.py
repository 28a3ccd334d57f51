"""The service to try with: a client for the example program, only while the sandbox is on."""

import contextlib
from typing import Any, Final

from yikatong.core.platform import Platform
from yikatong.identity.openid import clients
from yikatong.identity.openid.clients import ClientExists, NewClient

DEMO: Final = NewClient(
    client_id="demo-library",
    name_zh="示例图书馆",
    name_en="Example Library",
    redirect_uris=("http://127.0.0.1:8400/callback",),
    post_logout_uris=("http://127.0.0.1:8400/",),
    scopes=("openid", "profile", "card", "enrolment", "address", "phone", "offline_access"),
    sandbox=True,
)


async def prepare(platform: Platform) -> None:
    """Make the client where it is missing; nothing where the sandbox is off."""
    if not platform.settings.sandbox:
        return
    # Made by another process meanwhile is as well.
    with contextlib.suppress(ClientExists):
        await clients.add(platform, DEMO)


async def relying_services(platform: Platform) -> list[dict[str, Any]]:
    """The clients to try with, for `sandbox show`."""
    return [
        {
            "client_id": one.client_id,
            "client_secret": secret,
            "name": one.name.as_dict(),
            "redirect_uris": list(one.redirect_uris),
            "post_logout_redirect_uris": list(one.post_logout_uris),
            "scopes": list(one.scopes),
        }
        for one, secret in await clients.sandbox_secrets(platform)
    ]

"""Sign-in and sign-out of operators (签到 9001, 签退 9002)."""

import secrets
import time
from datetime import timedelta
from typing import Annotated, Final

import msgspec

from yikatong.core.database import Connection
from yikatong.core.errors import InvalidInput, Text
from yikatong.core.platform import Platform
from yikatong.medical.hospital_api import envelope, store
from yikatong.medical.hospital_api.context import Context
from yikatong.medical.hospital_api.errands import Done, Errand, node, required

LASTS: Final = timedelta(hours=24)
"""A sign-in ends by itself after so long."""
SEEN_WITHIN_SECONDS: Final = 5.0
_SEEN_MAX: Final = 50_000

_C20 = Annotated[str, msgspec.Meta(max_length=20)]
_C30 = Annotated[str, msgspec.Meta(max_length=30)]


class _SignIn(msgspec.Struct):
    opter_no: _C30 | None = None
    mac: Annotated[str, msgspec.Meta(max_length=60)] | None = None
    ip: Annotated[str, msgspec.Meta(max_length=60)] | None = None


class _SignInInput(msgspec.Struct):
    signIn: _SignIn | None = None


class _SignOut(msgspec.Struct):
    sign_no: _C30 | None = None
    opter_no: _C30 | None = None


class _SignOutInput(msgspec.Struct):
    signOut: _SignOut | None = None


class _SignedIn(msgspec.Struct):
    sign_time: str
    sign_no: str


class _SignedInOutput(msgspec.Struct):
    signinoutb: _SignedIn


class _SignedOut(msgspec.Struct):
    sign_time: str


class _SignedOutOutput(msgspec.Struct):
    signoutoutb: _SignedOut


_sign_in: Final = msgspec.json.Decoder(_SignInInput)
_sign_out: Final = msgspec.json.Decoder(_SignOutInput)


class SignIns:
    """Who is signed in, as calls ask for it; one per process."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._seen: dict[tuple[str, str], tuple[bool, float]] = {}
        """Whether it is live, and until when that is believed."""
        self.errands = (
            Errand("9001", Text("签到", "sign in"), self._carry_in),
            Errand("9002", Text("签退", "sign out"), self._carry_out),
        )

    async def require(self, provider_code: str, sign_no: str) -> None:
        """Raise InvalidInput unless this is a live sign-in of the provider."""
        seen = self._seen.get((provider_code, sign_no))
        if seen is None or seen[1] < time.monotonic():
            seen = self._see(
                provider_code, sign_no, live=await self._is_live(provider_code, sign_no)
            )
        if not seen[0]:
            raise InvalidInput(
                "sign_no",
                zh="不是本机构有效的签到编号，请重新签到（9001）或留空",
                en="no live sign-in of this provider; sign in again (9001) or leave it out",
            )

    async def _is_live(self, provider_code: str, sign_no: str) -> bool:
        async with self._platform.database.transaction(readonly=True) as connection:
            found = await store.sign_in(connection, provider_code, sign_no)
        if found is None or found["signed_out_at"] is not None:
            return False
        return found["signed_in_at"] > self._platform.clock.now() - LASTS

    def _see(self, provider_code: str, sign_no: str, *, live: bool) -> tuple[bool, float]:
        if len(self._seen) >= _SEEN_MAX:
            self._seen.clear()
        seen = live, time.monotonic() + SEEN_WITHIN_SECONDS
        self._seen[provider_code, sign_no] = seen
        return seen

    async def _carry_in(self, connection: Connection, context: Context, raw: bytes) -> Done:
        given = node(envelope.decode(_sign_in, raw).signIn, "signIn")
        operator = required(given.opter_no, "signIn.opter_no")
        now = context.now
        sign_no = f"{now:%Y%m%d%H%M%S}{secrets.randbelow(10**10):010d}"
        await store.insert_sign_in(
            connection, context.provider.provider_code, sign_no, operator, now
        )
        return Done(_SignedInOutput(_SignedIn(f"{now:%Y-%m-%d %H:%M:%S}", sign_no)))

    async def _carry_out(self, connection: Connection, context: Context, raw: bytes) -> Done:
        given = node(envelope.decode(_sign_out, raw).signOut, "signOut")
        sign_no = required(given.sign_no, "signOut.sign_no")
        operator = required(given.opter_no, "signOut.opter_no")
        code, now = context.provider.provider_code, context.now
        found = await store.sign_in(connection, code, sign_no)
        if found is None:
            raise InvalidInput(
                "signOut.sign_no",
                zh="本机构没有这个签到编号",
                en="this provider has no such sign-in",
            )
        if found["operator"] != operator:
            raise InvalidInput(
                "signOut.opter_no",
                zh="与签到时的操作员不一致",
                en="another operator signed in under this number",
            )
        if not await store.sign_out(connection, code, sign_no, now):
            raise InvalidInput("signOut.sign_no", zh="已经签退", en="this was signed out already")
        self._see(code, sign_no, live=False)
        return Done(_SignedOutOutput(_SignedOut(f"{now:%Y-%m-%d %H:%M:%S}")))

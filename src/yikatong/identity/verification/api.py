"""The verification API: `POST /api/v1/verifications`, a lean route."""

from typing import Annotated, Any, Final

import msgspec
from litestar import Request, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter

from yikatong.core import lean
from yikatong.core.bodies import check_key
from yikatong.core.errors import InvalidInput
from yikatong.core.lean import Handler, Headers
from yikatong.core.problems import Problem
from yikatong.identity.verification.desk import VerificationDesk
from yikatong.identity.verification.model import Answer, ECard, ECardFace, Question
from yikatong.trust.access import Gate

VERIFICATIONS: Final = "/api/v1/verifications"
BODY_BYTES_MAX: Final = 256 * 1024
"""A picture is in it."""

_decoder = msgspec.json.Decoder(Question)


class Counter:
    """Who may ask, and the desk that answers."""

    def __init__(self, gate: Gate, desk: VerificationDesk) -> None:
        self.gate = gate
        self.desk = desk

    async def answer(self, authorization: str, key: str, question: Question) -> Answer:
        """The answer; raises NotSignedIn, NotAllowed and what the desk raises."""
        caller = await self.gate.caller(authorization)
        return await self.desk.answer(caller, question, _key_of(question, key))


def _key_of(question: Question, key: str) -> str | None:
    if key:
        return check_key(key)
    if isinstance(question, (ECard, ECardFace)):
        raise InvalidInput(
            "Idempotency-Key",
            zh="核验二维码须带幂等键：二维码只能用一次，应答丢失时凭同一个键再问",
            en="needed for codes: a code works once, and the same key asks for a lost answer again",
        )
    return None


def lean_routes(counter: Counter) -> dict[str, Handler]:
    """The route again, for `core.lean`."""

    async def handle(headers: Headers, raw: bytes) -> Answer:
        authorization = headers.get(b"authorization", b"").decode("latin-1")
        # Nothing of what a stranger sent is read.
        caller = await counter.gate.caller(authorization)
        caller.require("identity.verify")
        question: Question = lean.read(_decoder, raw)
        key = headers.get(b"idempotency-key", b"").decode("latin-1")
        return await counter.desk.answer(caller, question, _key_of(question, key))

    return {VERIFICATIONS: handle}


@post(
    VERIFICATIONS,
    status_code=200,
    permission="identity.verify",
    summary="Verify who somebody is",
    tags=["identity"],
    responses={
        401: ResponseSpec(Problem, description="No valid token."),
        403: ResponseSpec(Problem, description="Not permitted, or not for this purpose."),
        409: ResponseSpec(Problem, description="This mode is not available here."),
        422: ResponseSpec(Problem, description="A field is wrong; `field` names it."),
        429: ResponseSpec(Problem, description="Too many of this service, or of this subject."),
        503: ResponseSpec(Problem, description="Try again with the same key."),
    },
)
async def verify(
    request: Request[Any, Any, Any],
    verification: NamedDependency[Counter],
    data: Question,
    raw_key: Annotated[
        str,
        HeaderParameter(
            name="Idempotency-Key",
            description="Needed for codes. The same key and content gets the same answer.",
        ),
    ] = "",
) -> Answer:
    """Whether the person is who they say, and how sure that is; never anything about them."""
    return await verification.answer(request.headers.get("authorization", ""), raw_key, data)


routes: Final = [verify]

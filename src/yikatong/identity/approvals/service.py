"""Use cases of four eyes: ask, see what waits, approve or refuse, and carry out once.

What is asked for is bound by a keyed hash of permission, regions and facts to the request's
Idempotency-Key. An approval carries it out with that same key, which the act itself answers to once;
so does the asker who sends the request again. A fault between the two leaves it approved, and either
of them goes on.

The command line on the machine itself does not come through here: who has the key of the
installation needs no second person.
"""

import hmac
from collections.abc import Mapping
from typing import Any

import msgspec

from yikatong.core.errors import YikatongError
from yikatong.core.ids import new_id
from yikatong.core.platform import Platform
from yikatong.identity.approvals import rules, store
from yikatong.identity.approvals.model import Approval, ApprovalRefused, NoSuchApproval
from yikatong.trust import audit
from yikatong.trust.access import PERMISSIONS, Act, ApprovalAsked, Caller, Content
from yikatong.trust.audit import Actor

_encode = msgspec.json.Encoder(order="deterministic").encode


class Approvals:
    """Asks second persons; knows how each act is carried out. Implements `access.FourEyes`."""

    def __init__(self, platform: Platform, acts: Mapping[str, Act]) -> None:
        assert all(PERMISSIONS[name].two_persons for name in acts)
        self._platform = platform
        self._acts = acts

    async def need(self, caller: Caller, content: Content, key: str) -> None:
        """As `FourEyes.need`; also raises ApprovalRefused where it is over or failed."""
        platform, now = self._platform, self._platform.clock.now()
        assert content.permission in self._acts
        hashed = platform.vault.hash("approval", _encode(content).decode())
        one = Approval(
            approval_id=new_id(now),
            permission=content.permission,
            regions=content.regions,
            asked_by_kind=caller.kind,
            asked_by=caller.name,
            idempotency_key=key,
            asked_at=now,
            until=now + rules.VALID_FOR,
            state="asked",
            decided_by=None,
            decided_at=None,
            outcome="",
        )
        async with platform.database.transaction() as connection:
            sealed = platform.vault.seal(
                _field(one.approval_id), 0, _encode(content.facts).decode()
            )
            if await store.insert(connection, one, sealed, hashed):
                person_id = content.facts.get("person_id")
                if isinstance(person_id, int):
                    await audit.record(
                        connection, caller.actor("approval"), now, person_id, "approval.asked",
                        {"approval": str(one.approval_id), "permission": one.permission},
                    )  # fmt: skip
                found = one
            else:
                before = await store.asked(connection, caller.kind, caller.name, key)
                assert before is not None
                found = before[0]
                if not hmac.compare_digest(before[1], hashed):
                    raise ApprovalRefused(
                        zh="这个幂等键已用于另一项申请，请换一个",
                        en="this key was used to ask for something else; take another",
                        field="Idempotency-Key",
                    )
        if found.state == "approved":
            # A fault came between. Carried out here, so that it ends with it: what is approved once is
            # not to be had again by sending the request again, months and a revocation later.
            await self._carry_out(msgspec.structs.replace(found, facts=content.facts))
        if found.state in ("approved", "done"):
            return
        if found.state in ("refused", "failed"):
            raise ApprovalRefused(
                zh=f"复核未通过：{found.outcome}", en=f"not carried out: {found.outcome}"
            )
        if now >= found.until:
            raise ApprovalRefused(
                zh="申请已过期，请用新的幂等键重新申请",
                en="nobody approved in time; ask again with a new key",
            )
        raise ApprovalAsked(found.approval_id, found.until)

    async def waiting(self, caller: Caller, limit: int = 1000) -> list[Approval]:
        """What the caller may decide, the oldest first, with its facts."""
        names = [name for name in self._acts if caller.may(name)]
        now, after = self._platform.clock.now(), 0
        mine: list[Approval] = []
        # Page by page: what waits in other regions must not push out what waits in the caller's.
        async with self._platform.database.transaction(readonly=True) as connection:
            while found := await store.waiting(connection, now, names, after, limit):
                others = [
                    self._opened(*one)
                    for one in found
                    if rules.may_see(caller, one[0])
                    and (one[0].asked_by_kind, one[0].asked_by) != (caller.kind, caller.name)
                ]
                mine += [one for one in others if not rules.is_about(caller, one)]
                after = found[-1][0].approval_id
                if len(mine) >= limit or len(found) < limit:
                    break
        return mine[:limit]

    async def asked(self, caller: Caller, limit: int = 20) -> list[Approval]:
        """What the caller asked for, the newest first, without its facts."""
        async with self._platform.database.transaction(readonly=True) as connection:
            return await store.of_asker(connection, caller.kind, caller.name, limit)

    async def get(self, caller: Caller, approval_id: int) -> Approval:
        """One that the caller asked for or may decide; raises NoSuchApproval."""
        async with self._platform.database.transaction(readonly=True) as connection:
            found = await store.get(connection, approval_id)
        if found is None:
            raise NoSuchApproval
        own = (found[0].asked_by_kind, found[0].asked_by) == (caller.kind, caller.name)
        if not own and not rules.may_see(caller, found[0]):
            raise NoSuchApproval
        return self._opened(*found)

    async def approve(self, caller: Caller, approval_id: int) -> Any:
        """Approve, and carry out; answers what the act answers.

        Raises NoSuchApproval, ApprovalRefused, and what the act raises: where it is refused for good
        (an account that was closed) it has failed, where the database was lost it stays approved.
        """
        return await self._carry_out(
            await self._decide(caller, approval_id, "approve", "approved", "")
        )

    async def _carry_out(self, one: Approval) -> Any:
        who = Actor(one.asked_by_kind, one.asked_by, f"approved by {one.decided_by}")
        try:
            answer = await self._acts[one.permission](
                self._platform, one.facts, who, one.idempotency_key
            )
        except YikatongError as error:
            if error.status < 500:
                await self._close(one.approval_id, "failed", error.text.zh)
            raise
        await self._close(one.approval_id, "done", "")
        return answer

    async def refuse(self, caller: Caller, approval_id: int, reason: str) -> Approval:
        """Refuse for a reason the asker reads. Raises NoSuchApproval, ApprovalRefused."""
        return await self._decide(caller, approval_id, "refuse", "refused", reason.strip())

    async def _decide(
        self,
        caller: Caller,
        approval_id: int,
        decision: rules.Decision,
        state: str,
        outcome: str,
    ) -> Approval:
        now = self._platform.clock.now()
        async with self._platform.database.transaction() as connection:
            found = await store.get(connection, approval_id, lock=True)
            if found is None:
                raise NoSuchApproval
            one = self._opened(*found)
            rules.check_decision(caller, one, now, decision)
            await store.decide(connection, approval_id, state, caller.name, now, outcome)
            if isinstance(person_id := one.facts.get("person_id"), int):
                await audit.record(
                    connection, caller.actor("approval"), now, person_id, f"approval.{state}",
                    {
                        "approval": str(approval_id),
                        "permission": one.permission,
                        "asked_by": one.asked_by,
                    },
                )  # fmt: skip
            changed = await store.get(connection, approval_id)
        assert changed is not None
        return self._opened(*changed)

    async def _close(self, approval_id: int, state: str, outcome: str) -> None:
        async with self._platform.database.transaction() as connection:
            await store.close(connection, approval_id, state, outcome)

    def _opened(self, one: Approval, sealed: bytes) -> Approval:
        text = self._platform.vault.open(_field(one.approval_id), 0, sealed)
        return msgspec.structs.replace(one, facts=msgspec.json.decode(text, type=dict[str, Any]))


def shown_facts(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Facts for a second person's eyes, one line each; account numbers by their ends."""
    return [line for name, value in facts.items() for line in _lines(name, value)]


def _lines(name: str, value: Any) -> list[tuple[str, str]]:
    if isinstance(value, dict):
        inside = msgspec.convert(value, dict[str, Any])
        return [line for key, one in inside.items() for line in _lines(f"{name}.{key}", one)]
    if isinstance(value, list):
        items = msgspec.convert(value, list[Any])
        return [line for at, one in enumerate(items) for line in _lines(f"{name}[{at}]", one)]
    if value is None or value == "":
        return []
    text = ("yes" if value else "no") if isinstance(value, bool) else str(value)
    if text.isdigit() and len(text) >= 16 and name.endswith("account"):
        text = f"{text[:4]}…{text[-4:]}"
    return [(name, text)]


def _field(approval_id: int) -> str:
    return f"approval:{approval_id}"

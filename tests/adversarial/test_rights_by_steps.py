"""What one person can give themselves in three steps, found by calling everything with all that they know.

A step makes every call of the contract with every account that the person can sign in to by then, alone and with each
such account as the second person, itself among them, with requests of the names, roles and passwords that they know.
Each text of an answer is then tried as everybody's password. No method is named here, so that one that is added later
is searched too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.audit.entry import Action
from cekalwatch.server.auth import limits
from cekalwatch.server.auth.rights import RIGHTS
from cekalwatch.server.domain.people import LockOut, TryAllowance
from cekalwatch.v1 import session_pb2
from cekalwatch.v1 import session_service_pb2 as messages
from cekalwatch.wire.identity import DeviceRole
from cekalwatch.wire.tokens import bearer, request_digest
from tests.support.scenarios.people import OTHER_PASSWORD, PASSWORD, Office, person
from tests.support.scenarios.server import reason_of
from tests.support.scenarios.sign_in import Desk, Scene
from tests.support.scenarios.site_pki import SITE, Site

STEPS = 3
HONEST = {
    "agus": PersonRole.ADMINISTRATOR,
    "budi": PersonRole.OFFICER,
    "lina": PersonRole.LIST_MANAGER,
    "sari": PersonRole.SUPERVISOR,
    "umi": PersonRole.AUDITOR,
}
OWN = "mallory"
MADE_UP = "nobody-yet"
ALL = frozenset(PersonRole)
ANSWERED = "answered"
SESSION_OVER = {"SIGN_IN_NEEDED", "SESSION_ENDED"}
MAX_REQUESTS = 200
"""Of one method: combinations of what its fields may be."""


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    monkeypatch.setattr(limits, "MAX_TOKENS", 1e9)  # no device makes thousands of calls in a row
    monkeypatch.setattr(LockOut, "after", lambda _, __: None)
    monkeypatch.setattr(TryAllowance, "after", lambda _, __, now, ___: now)  # nor tries thousands of passwords
    site = Site(tmp_path)
    found = Scene(site, site.settings())
    for name, role in HONEST.items():
        found.office.hire(person(name, role), f"the word of {name}")
    return found


@dataclass
class Attacker:
    """One person at a console."""

    desk: Desk
    office: Office
    accounts: dict[str, str]
    """The names by which the person can sign in, with the passwords."""
    tokens: dict[str, str] = field(default_factory=dict)
    heard: dict[str, str] = field(default_factory=dict)
    """Texts of answers that were not tried yet, with who called what."""
    how: list[str] = field(default_factory=list)

    async def step(self) -> None:
        for name in [*self.accounts]:
            for method in sorted(RIGHTS):
                if await self._call_as(name, method):
                    self._let_the_honest_in_again()
        await self._try_what_was_heard()

    def _let_the_honest_in_again(self) -> None:
        """Whom a call has disabled would hide what the next one gives; the office enables them sooner or later."""
        for name in HONEST:
            found = self.office.people.account(name)
            if found and found.person.disabled:
                enabled = replace(found.person, disabled=False)
                self.office.people.change(enabled, self.office.entry(Action.PERSON_CHANGED))

    async def _call_as(self, name: str, method: str) -> bool:
        """Make every call of a method; return whether there was an answer to any.

        Where the roles do not suffice for the first request and for the last one, the others are left out.
        """
        found = _unary(method)
        if found is None:
            return False
        requests = list(_requests(found.input_type, [*self.accounts]))
        told = [
            await self._call_with_each(name, method, one, found) for one in {0: requests[0], -1: requests[-1]}.values()
        ]
        if all(reasons <= {"PERSON_ROLE_NEEDED", "METHOD_NOT_ALLOWED"} for reasons in told):
            return False
        told += [await self._call_with_each(name, method, one, found) for one in requests[1:-1]]
        return any(ANSWERED in reasons for reasons in told)

    async def _call_with_each(self, name: str, method: str, request: Message, found: Any) -> set[str]:
        """Make a call alone, and with each account as the second person; return what came of it."""
        seconds = self.accounts if RIGHTS[method].action else ()
        return {await self._call(name, second, method, request, found) for second in (None, *seconds)}

    async def _call(self, name: str, second: str | None, method: str, request: Message, found: Any) -> str:
        """Make a call, anew where the session was over; return why it was refused, or ANSWERED."""
        answer_type = message_factory.GetMessageClass(found.output_type)
        ask: Any = self.desk.channel.unary_unary(
            method, request_serializer=None, response_deserializer=answer_type.FromString
        )
        reason = ""
        for anew in (False, True):
            token = await self._token(name, anew=anew)
            word = await self._word(second, token, method, request) if second else ""
            try:
                answer = await ask(request.SerializeToString(), timeout=10, metadata=bearer(token, word))
            except grpc.aio.AioRpcError as refused:
                if (reason := _reason(refused)) not in SESSION_OVER:
                    break
            else:
                self.heard |= dict.fromkeys(_texts(answer), f"{name} calls {method.rpartition('/')[2]}")
                return ANSWERED
        return reason

    async def _token(self, name: str, *, anew: bool) -> str:
        if anew or name not in self.tokens:
            try:
                self.tokens[name] = await self.desk.sign_in(name, self.accounts[name])
            except grpc.aio.AioRpcError:
                self.tokens[name] = ""
        return self.tokens[name]

    async def _word(self, second: str, token: str, method: str, request: Message) -> str:
        action = RIGHTS[method].action
        number = session_pb2.TwoPersonAction.Value(f"TWO_PERSON_ACTION_{action}")
        wanted = messages.SignInRequest(
            purpose=session_pb2.SESSION_PURPOSE_SECOND_PERSON,
            password=messages.PasswordProof(sign_in_name=second, password=self.accounts[second]),
            joint_act=session_pb2.JointAct(action=number, request_sha256=request_digest(request)),
        )
        try:
            return str((await self.desk.sessions().SignIn(wanted, metadata=bearer(token))).token)
        except grpc.aio.AioRpcError:
            return ""

    async def _try_what_was_heard(self) -> None:
        heard, self.heard = self.heard, {}
        for name, text in product((*HONEST, MADE_UP), sorted(_passwords(heard))):
            try:
                token = await self.desk.sign_in(name, text)
                await self.desk.change(token, text, OTHER_PASSWORD)
            except grpc.aio.AioRpcError:
                continue
            self.accounts[name] = OTHER_PASSWORD
            self.how.append(f"{heard.get(text, 'two calls')}, and signs in as {name}")

    async def roles(self) -> dict[str, frozenset[PersonRole]]:
        """Return who the person can be now, and as what."""
        found = {}
        for name in self.accounts:
            if not (token := await self._token(name, anew=True)):
                continue  # a later call has given the account another password
            session = await self.desk.whoami(token)
            found[name] = frozenset(
                PersonRole(session_pb2.PersonRole.Name(one).removeprefix("PERSON_ROLE_")) for one in session.roles
            )
        return found


def _reason(refused: grpc.aio.AioRpcError) -> str:
    """Return the catalogue's code of an error, or its status where it is none of ours."""
    try:
        return reason_of(refused)
    except AssertionError:
        return refused.code().name


def _unary(method: str) -> Any:
    _, service, name = method.split("/")
    if not service.startswith("cekalwatch.") or service.endswith(".SessionService"):
        return None  # signing in and out is how calls are made
    found = descriptor_pool.Default().FindServiceByName(service).methods_by_name[name]
    return None if found.client_streaming or found.server_streaming else found


def _requests(kind: Any, own: Iterable[str]) -> Iterator[Message]:
    """Requests of that kind with what the person knows in the fields that ask for it."""
    made = message_factory.GetMessageClass(kind)
    choices = [(one.name, [*_values(one, own)]) for one in kind.fields if not one.name.startswith("seen_")]
    for number, values in enumerate(product(*(values for _, values in choices))):
        if number >= MAX_REQUESTS:
            return
        yield made(**{name: value for (name, _), value in zip(choices, values, strict=True) if value is not None})


def _values(asked: FieldDescriptor, own: Iterable[str]) -> Iterator[Any]:
    if asked.name == "sign_in_name":
        yield from dict.fromkeys((MADE_UP, *HONEST, *own))
    elif asked.name == "display_name":
        yield "Nobody"
    elif asked.name == "sites":
        yield [SITE]
    elif asked.name == "roles":
        for roles in (ALL - {PersonRole.AUDITOR}, ALL - {PersonRole.ADMINISTRATOR}, ALL):
            yield [f"PERSON_ROLE_{role}" for role in sorted(roles)]
    elif asked.type == FieldDescriptor.TYPE_BOOL:
        yield from (True, False)
    else:
        yield None


def _passwords(heard: Iterable[str]) -> Iterator[str]:
    """Those of the texts that look like ours, and what two of them make together."""
    parts = [one for one in heard if re.fullmatch(r"[a-z2-9]{4}-[a-z2-9]{4}", one)]
    yield from (f"{one}-{other}" for one, other in product(parts, parts))
    yield from (one for one in heard if re.fullmatch(r"[a-z2-9]{4}(-[a-z2-9]{4}){3}", one))


def _texts(message: Message) -> Iterator[str]:
    for described, value in message.ListFields():
        for one in value if described.is_repeated else (value,):
            if isinstance(one, Message):
                yield from _texts(one)
            elif isinstance(one, str):
                yield one


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "roles",
    [
        *(pytest.param(frozenset({role}), id=role.lower()) for role in PersonRole),
        pytest.param(ALL - {PersonRole.AUDITOR}, id="everything but auditor"),
        pytest.param(ALL - {PersonRole.ADMINISTRATOR}, id="everything but administrator"),
    ],
)
async def test_nobody_becomes_two_people_or_more_than_they_are(scene: Scene, roles: frozenset[PersonRole]) -> None:
    scene.hire(OWN, *roles)
    async with scene.served(), scene.desk("console-1", DeviceRole.CONSOLE) as desk:
        one = Attacker(desk, scene.office, {OWN: PASSWORD})
        for _ in range(STEPS):
            await one.step()
            assert await one.roles() == {OWN: roles}, one.how

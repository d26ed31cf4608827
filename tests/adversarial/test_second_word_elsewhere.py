"""Attack: a machine that was taken over asks for a second person's signature, which is given at another one."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message

from cekalwatch.contract.codec.approvals import APPROVAL, signed_values
from cekalwatch.contract.values.approvals import Approval
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.audit.entry import Action
from cekalwatch.server.auth.approvals import LASTS, MAX_OF_A_SESSION
from cekalwatch.v1 import approval_pb2, people_service_pb2
from cekalwatch.v1 import session_service_pb2 as messages
from cekalwatch.v1.people_service_pb2_grpc import PeopleServiceStub
from cekalwatch.wire.identity import DeviceRole
from cekalwatch.wire.tokens import bearer, signed_bytes
from tests.support.scenarios.second_person import method_of
from tests.support.scenarios.sign_in import Desk, Scene, refused, threshold_of
from tests.support.scenarios.site_pki import SITE, Site

ENABLES = people_service_pb2.DisablePersonRequest(sign_in_name="budi", disabled=False)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    site = Site(tmp_path)
    found = Scene(site, site.settings())
    found.hire("adi", PersonRole.ADMINISTRATOR)
    found.hire("sari", PersonRole.SUPERVISOR)
    found.hire("budi")
    return found


async def ask(desk: Desk, token: str, request: Message, method: str = "") -> tuple[str, str]:
    """Ask for a signature; return the token and the key of the request."""
    asked = messages.AskApprovalRequest(method=method or method_of(request), request=signed_bytes(request))
    answer = await desk.sessions().AskApproval(asked, metadata=bearer(token))
    return str(answer.token), str(answer.approval.approval_id)


async def listed(desk: Desk, token: str) -> messages.ListApprovalsResponse:
    request = messages.ListApprovalsRequest()
    return await desk.sessions().ListApprovals(request, metadata=bearer(token))  # type: ignore[no-any-return]


async def waiting(desk: Desk, token: str) -> list[Approval]:
    return [APPROVAL.read(one) for one in (await listed(desk, token)).waiting]


def answer(desk: Desk, token: str, key: str, read: bytes, *, sign: bool = True) -> Any:
    digest = hashlib.sha256(read).digest()
    request = messages.AnswerApprovalRequest(approval_id=key, request_sha256=digest, sign=sign)
    return desk.sessions().AnswerApproval(request, metadata=bearer(token))


@pytest.mark.slow
async def test_who_signs_at_another_machine_reads_what_will_be_done_and_it_is_done_once(scene: Scene) -> None:
    wanted = threshold_of(0.6)
    async with scene.served(), scene.desk("console-1", DeviceRole.CONSOLE) as console, scene.desk("pc-2") as pc:
        adi, sari = await console.sign_in("adi"), await pc.sign_in("sari")
        word, key = await ask(console, adi, wanted)
        assert await refused(console.set_threshold(0.6, adi, word)) == "SESSION_ENDED", "nobody has signed"
        (found,) = await waiting(pc, sari)
        assert (found.approval_id, found.device, found.first.display_name) == (
            key,
            f"{SITE}/console/console-1",
            "Petugas adi",
        )
        read = [(one.name, one.words) for one in signed_values(found) or ()]
        assert read == [("threshold", ("0.6",)), ("goes_on_learning", (False,))]
        await answer(pc, sari, key, found.request)
        (own,) = (await listed(console, adi)).asked
        assert own.second_person.display_name == "Petugas sari"
        await console.set_threshold(0.6, adi, word)
        assert await refused(console.set_threshold(0.6, adi, word)) == "SESSION_ENDED"
        assert await waiting(pc, sari) == []
        assert await refused(answer(pc, sari, key, found.request)) == "APPROVAL_GONE"
    (signed,) = scene.trail(Action.APPROVAL_SIGNED)
    assert json.loads(signed.details)["method"] == "SetThreshold"
    assert signed.actor.endswith(f"@{SITE}/notifier/pc-2")
    assert len(scene.trail(Action.APPROVAL_ASKED)) == len(scene.trail(Action.THRESHOLD_SET)) == 1


@pytest.mark.slow
async def test_nobody_signs_at_the_machine_that_asks_or_for_themselves_or_what_is_not_theirs_to_sign(
    scene: Scene,
) -> None:
    wanted = threshold_of(0.6)
    async with scene.served(), scene.desk("pc-1") as first, scene.desk("pc-2") as other:
        adi, beside = await first.sign_in("adi"), await first.sign_in("sari")
        elsewhere, budi = await other.sign_in("adi"), await other.sign_in("budi")
        _, key = await ask(first, adi, wanted)
        for desk, token in ((first, beside), (other, elsewhere), (other, budi)):
            assert await waiting(desk, token) == []
            assert await refused(answer(desk, token, key, signed_bytes(wanted))) == "APPROVAL_GONE"
        sari = await other.sign_in("sari")
        assert await refused(answer(other, sari, key, b"something else")) == "SECOND_PERSON_ELSEWHERE"
        await answer(other, sari, key, signed_bytes(wanted), sign=False)
        assert await refused(answer(other, sari, key, signed_bytes(wanted))) == "APPROVAL_GONE"
        (own,) = (await listed(first, adi)).asked
        assert own.state == approval_pb2.APPROVAL_STATE_REFUSED
    assert not scene.trail(Action.APPROVAL_SIGNED)
    assert len(scene.trail(Action.APPROVAL_REFUSED)) == 1


@pytest.mark.slow
async def test_the_signature_for_one_act_is_none_for_another(scene: Scene) -> None:
    async with scene.served(), scene.desk("pc-1") as first, scene.desk("pc-2") as other:
        adi, sari = await first.sign_in("adi"), await other.sign_in("sari")

        async def signed(request: Message) -> str:
            word, key = await ask(first, adi, request)
            await answer(other, sari, key, signed_bytes(request))
            return word

        word = await signed(threshold_of(0.6))
        assert await refused(first.set_threshold(0.2, adi, word)) == "SECOND_PERSON_ELSEWHERE"
        word = await signed(threshold_of(0.6))
        again = await first.sign_in("adi")
        assert await refused(first.set_threshold(0.6, again, word)) == "SECOND_PERSON_ELSEWHERE"
        # The same bytes are the request of another method: who signed has read of a password.
        async with scene.desk("console-1", DeviceRole.CONSOLE) as console:
            adi_there = await console.sign_in("adi")
            stub: Any = PeopleServiceStub(console.channel)
            word, key = await ask(console, adi_there, ENABLES, "/cekalwatch.v1.PeopleService/ResetPassword")
            await answer(other, sari, key, signed_bytes(ENABLES))
            call = stub.DisablePerson(ENABLES, metadata=bearer(adi_there, word))
            assert await refused(call) == "SECOND_PERSON_ELSEWHERE"
    assert not scene.trail(Action.THRESHOLD_SET)
    assert not scene.trail(Action.PERSON_CHANGED)


@pytest.mark.slow
async def test_a_request_ends_after_a_while_with_its_session_and_when_there_are_many(scene: Scene) -> None:
    async with scene.served(), scene.desk("pc-1") as first, scene.desk("pc-2") as other:
        adi, sari = await first.sign_in("adi"), await other.sign_in("sari")
        keys = [(await ask(first, adi, threshold_of(0.5 + step / 100)))[1] for step in range(MAX_OF_A_SESSION + 2)]
        assert [one.approval_id for one in await waiting(other, sari)] == keys[:1:-1]
        scene.clock.go(seconds=LASTS.total_seconds())
        assert await waiting(other, sari) == []
        assert await refused(answer(other, sari, keys[-1], b"")) == "APPROVAL_GONE"
        await ask(first, adi, threshold_of(0.6))
        await first.sessions().SignOut(messages.SignOutRequest(), metadata=bearer(adi))
        assert await waiting(other, sari) == []
        assert await refused(ask(other, sari, threshold_of(0.6), "/cekalwatch.v1.SessionService/SignOut")) == (
            "ARGUMENT_INVALID"
        )


@pytest.mark.parametrize("request_bytes", [b"\xa2\x06\x01x", b"\x09", b"\x09\x00\x00\x00\x00\x00\x00\xe0\x3f" * 2])
def test_what_a_program_cannot_show_whole_nobody_is_asked_to_sign(request_bytes: bytes) -> None:
    message = messages.ListApprovalsResponse().waiting.add(
        method="/cekalwatch.v1.OperationsService/SetThreshold", request=request_bytes
    )
    assert signed_values(APPROVAL.read(message)) is None

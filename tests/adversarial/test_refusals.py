"""Whoever is refused and goes on asking: it costs the one who asks, and neither the log nor the trail grows with it.

Before, a device that showed a stolen token wrote 200 audit entries a second, and 296 kB of log.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from structlog.testing import capture_logs

from cekalwatch.server.app import Server
from cekalwatch.server.audit.entry import Action
from cekalwatch.server.auth.limits import DEFAULT_COST, MAX_TOKENS, MAX_WAIT_S, TOKENS_PER_S
from cekalwatch.v1 import enrolment_service_pb2
from cekalwatch.v1.enrolment_service_pb2_grpc import EnrolmentServiceStub
from cekalwatch.wire.identity import DeviceRole, Identity
from tests.support.scenarios.people import OTHER_PASSWORD
from tests.support.scenarios.server import reason_of
from tests.support.scenarios.sign_in import Scene, refused
from tests.support.scenarios.site_pki import SITE, Site, certificate_request, now

ATTACK_S = 2.0
AT_ONCE = 8
THIEF = f"device:{SITE}/notifier/pc-2"


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    site = Site(tmp_path)
    return Scene(site, site.settings())


async def asked_without_a_pause(
    call: Callable[[], Awaitable[Any]], at_once: int = AT_ONCE
) -> tuple[Counter[str], float]:
    """Ask for some seconds, several at a time; return how often each refusal came, and how long it took."""
    answers: Counter[str] = Counter()
    begun = time.monotonic()

    async def ask() -> None:
        while time.monotonic() - begun < ATTACK_S:
            try:
                await call()
            except grpc.aio.AioRpcError as error:
                answers[reason_of(error)] += 1

    await asyncio.gather(*(ask() for _ in range(at_once)))
    return answers, time.monotonic() - begun


def paid_for(elapsed_s: float, at_once: int = AT_ONCE) -> float:
    """How many calls a device can pay for in that time, with those for which it goes into debt."""
    return (MAX_TOKENS + (elapsed_s + MAX_WAIT_S) * TOKENS_PER_S) / DEFAULT_COST + at_once


def of(lines: list[Any], event: str) -> list[Any]:
    return [line for line in lines if line["event"] == event]


@pytest.mark.slow
async def test_a_stolen_token_on_another_device_costs_the_thief_and_not_the_trail(scene: Scene):
    who = scene.hire("budi")
    with capture_logs() as lines:
        async with scene.served(), scene.desk("pc-1") as victim, scene.desk("pc-2") as thief:
            token = await victim.sign_in()
            answers, elapsed_s = await asked_without_a_pause(lambda: thief.alerts(token))
            assert len(scene.trail(Action.SESSION_REFUSED)) == 1, "the first, at once"
            await victim.alerts(token)
    looked_at = answers["SESSION_ENDED"]
    assert 1 < looked_at <= paid_for(elapsed_s)
    first, *sums = scene.trail(Action.SESSION_REFUSED)
    assert {(one.actor, one.objects) for one in (first, *sums)} == {(THIEF, f'["person:{who.person_id}"]')}
    assert [json.loads(one.details)["refusals"] for one in sums] == [looked_at - 1], "every refusal is in the trail"
    assert len(of(lines, "token_refused")) == len(of(lines, "call_not_allowed")) == 1
    assert {line["caller"] for line in of(lines, "calls_refused")} == {THIEF}
    assert len(lines) < 30


@pytest.mark.slow
async def test_a_revoked_certificate_is_refused_slowly_and_told_of_once(scene: Scene):
    scene.site.device(DeviceRole.NOTIFIER, "pc-2")
    scene.site.pki.revoke(Identity(DeviceRole.NOTIFIER, SITE, "pc-2"), scene.clock.now())
    with capture_logs() as lines:
        async with scene.served(), scene.desk("pc-2") as revoked:
            answers, elapsed_s = await asked_without_a_pause(lambda: revoked.alerts("x"))
    assert set(answers) == {"CERTIFICATE_REVOKED"}
    assert answers.total() <= paid_for(elapsed_s)
    (line,) = of(lines, "call_not_allowed")
    (total,) = of(lines, "calls_refused")
    assert (line["caller"], total["caller"], total["times"]) == (THIEF, THIEF, answers.total() - 1)


async def test_wrong_passwords_for_made_up_names_are_one_entry_and_one_sum(scene: Scene):
    with capture_logs() as lines:
        async with scene.served(), scene.desk("pc-2") as desk:
            for number in range(4):
                assert await refused(desk.sign_in(f"nama-{number}", OTHER_PASSWORD)) == "SIGN_IN_REFUSED"
            assert len(scene.trail(Action.SIGN_IN_REFUSED)) == 1
    entries = scene.trail(Action.SIGN_IN_REFUSED)
    assert [json.loads(one.details).get("refusals", 1) for one in entries] == [1, 3]
    assert len(of(lines, "sign_in_refused")) == 1


async def test_guessed_invitations_are_one_line_and_one_sum_by_address(tmp_path: Path):
    site, tries = Site(tmp_path), 40
    site.pki.invite(Identity(DeviceRole.CAMERA, SITE, "dep-1"), now(), timedelta(hours=1))
    request = enrolment_service_pb2.EnrolDeviceRequest(
        invitation_secret=bytes(10), certificate_request=certificate_request()
    )
    with capture_logs() as lines:
        async with (
            Server(site.settings(enrolment_listen="127.0.0.1:0")) as server,
            site.stranger(f"127.0.0.1:{server.enrolment_port}") as channel,
        ):
            stub: Any = EnrolmentServiceStub(channel)
            for _ in range(tries):
                with pytest.raises(grpc.aio.AioRpcError):
                    await stub.EnrolDevice(request)
    assert len(of(lines, "call_refused")) == 1
    (total,) = of(lines, "calls_refused")
    assert (total["code"], total["caller"], total["times"]) == ("INVITATION_INVALID", "ipv4:127.0.0.1", tries - 1)

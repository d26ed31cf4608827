"""What takes two people, at a real server: setting the threshold."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.audit.entry import Action
from cekalwatch.v1 import operations_pb2
from cekalwatch.v1 import operations_service_pb2 as operations
from cekalwatch.v1.operations_service_pb2_grpc import OperationsServiceStub
from cekalwatch.vision.manifest import load_pack
from cekalwatch.wire.tokens import bearer
from tests.support.scenarios.sign_in import Desk, Scene, becomes, refused, threshold_of
from tests.support.scenarios.site_pki import Site
from tests.support.tools.packs import light_pack


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    site = Site(tmp_path)
    return Scene(site, site.settings())


@pytest.mark.slow
async def test_the_threshold_takes_two_people_and_the_server_follows(scene: Scene):
    adi, sari = scene.hire("adi", PersonRole.ADMINISTRATOR), scene.hire("sari", PersonRole.SUPERVISOR)
    async with scene.served(), scene.desk() as desk:
        token = await desk.sign_in("adi")
        assert await in_force(desk, token, 0.45, operations_pb2.THRESHOLD_SOURCE_SETTINGS)
        assert await refused(desk.set_threshold(0.6, token, "")) == "SECOND_PERSON_NEEDED"
        assert (await threshold(desk, token))[0] == pytest.approx(0.45)
        await desk.set_threshold(0.6, token, await desk.countersign("sari", token, threshold_of(0.6)))
        await becomes(lambda: in_force(desk, token, 0.6, operations_pb2.THRESHOLD_SOURCE_PEOPLE))
    async with scene.served(), scene.desk() as desk:
        token = await desk.sign_in("adi")
        assert (await threshold(desk, token))[0] == pytest.approx(0.6), "it outlives the server"
        await desk.set_threshold(None, token, await desk.countersign("sari", token, threshold_of(None)))
        await becomes(lambda: in_force(desk, token, 0.45, operations_pb2.THRESHOLD_SOURCE_SETTINGS))
    first, second = scene.trail(Action.THRESHOLD_SET)
    assert first.actor == f"person:{adi.person_id}@batam-center/notifier/pc-1"
    assert first.objects == f'["person:{adi.person_id}","person:{sari.person_id}"]'
    model = load_pack(light_pack()).model_version
    assert json.loads(first.details) == {"before": "not set", "model": model, "threshold": "0.6000"}
    assert json.loads(second.details) == {"before": "0.6000", "model": model, "threshold": "not set"}


async def threshold(desk: Desk, token: str) -> tuple[float, int]:
    stub: Any = OperationsServiceStub(desk.channel)
    gallery = (await stub.GetStatus(operations.GetStatusRequest(), metadata=bearer(token))).gallery
    return gallery.threshold, gallery.threshold_source


async def in_force(desk: Desk, token: str, value: float, source: int) -> bool:
    found, found_source = await threshold(desk, token)
    return found == pytest.approx(value) and found_source == source


@pytest.mark.slow
async def test_the_word_of_a_second_person_is_good_for_one_call(scene: Scene):
    scene.hire("adi", PersonRole.ADMINISTRATOR)
    scene.hire("sari", PersonRole.SUPERVISOR)
    async with scene.served(), scene.desk() as desk:
        token = await desk.sign_in("adi")
        word = await desk.countersign("sari", token, threshold_of(0.6))
        await desk.set_threshold(0.6, token, word)
        assert await refused(desk.set_threshold(0.6, token, word)) == "SESSION_ENDED"
        late = await desk.countersign("sari", token, threshold_of(0.3))
        scene.clock.later = timedelta(minutes=2)
        assert await refused(desk.set_threshold(0.3, token, late)) == "SESSION_ENDED"
    assert len(scene.trail(Action.THRESHOLD_SET)) == 1


@pytest.mark.slow
async def test_two_words_of_one_person_are_not_two_people(scene: Scene):
    scene.hire("ani", PersonRole.ADMINISTRATOR, PersonRole.SUPERVISOR)
    async with scene.served(), scene.desk() as desk:
        token = await desk.sign_in("ani")
        word = await desk.countersign("ani", token, threshold_of(0.6))
        assert await refused(desk.set_threshold(0.6, token, word)) == "SAME_PERSON_TWICE"
        # Nor is a session a word, one's own or another's.
        assert await refused(desk.set_threshold(0.6, token, token)) == "SESSION_ENDED"
    assert not scene.trail(Action.THRESHOLD_SET)


@pytest.mark.slow
async def test_two_people_without_the_two_roles_cannot(scene: Scene):
    scene.hire("adi", PersonRole.ADMINISTRATOR)
    scene.hire("agus", PersonRole.ADMINISTRATOR)
    scene.hire("budi", PersonRole.OFFICER)
    async with scene.served(), scene.desk() as desk:
        token = await desk.sign_in("adi")
        for second in ("agus", "budi"):
            word = await desk.countersign(second, token, threshold_of(0.6))
            assert await refused(desk.set_threshold(0.6, token, word)) == "PERSON_ROLE_NEEDED"
        officer = await desk.sign_in("budi")
        word = await desk.countersign("adi", officer, threshold_of(0.6))
        assert await refused(desk.set_threshold(0.6, officer, word)) == "PERSON_ROLE_NEEDED"


@pytest.mark.slow
async def test_the_second_person_sits_at_the_same_device_and_has_changed_the_first_password(scene: Scene):
    scene.hire("adi", PersonRole.ADMINISTRATOR)
    scene.hire("sari", PersonRole.SUPERVISOR)
    scene.hire("siti", PersonRole.SUPERVISOR, first=True)
    async with scene.served(), scene.desk() as desk, scene.desk("pc-2") as other:
        token = await desk.sign_in("adi")
        elsewhere = await other.countersign("sari", await other.sign_in("adi"), threshold_of(0.6))
        assert await refused(desk.set_threshold(0.6, token, elsewhere)) == "SESSION_ENDED"
        fresh = await desk.countersign("siti", token, threshold_of(0.6))
        assert await refused(desk.set_threshold(0.6, token, fresh)) == "PASSWORD_CHANGE_NEEDED"


@pytest.mark.slow
async def test_a_threshold_that_would_alert_on_everybody_or_nobody_is_refused(scene: Scene):
    scene.hire("adi", PersonRole.ADMINISTRATOR)
    scene.hire("sari", PersonRole.SUPERVISOR)
    async with scene.served(), scene.desk() as desk:
        token = await desk.sign_in("adi")
        for value in (0.19, 0.81, 1.5, -0.5, float("nan"), float("inf")):
            word = await desk.countersign("sari", token, threshold_of(value))
            assert await refused(desk.set_threshold(value, token, word)) == "ARGUMENT_INVALID"
    assert not scene.trail(Action.THRESHOLD_SET)


@pytest.mark.slow
async def test_the_status_says_that_the_promise_is_the_packs_and_on_whom(scene: Scene):
    scene.hire("adi", PersonRole.ADMINISTRATOR)
    async with scene.served(), scene.desk() as desk:
        token = await desk.sign_in("adi")
        stub: Any = OperationsServiceStub(desk.channel)
        gallery = (await stub.GetStatus(operations.GetStatusRequest(), metadata=bearer(token))).gallery
    promise = gallery.threshold_promise
    assert promise.measured_on == load_pack(light_pack()).thresholds.provenance.data
    assert (promise.passages, promise.counted, promise.needed) == (0, 0, 300)
    assert (promise.low, promise.high) == (0, 0)

"""Attack: the word that a second person gave for one thing is used for another."""

from __future__ import annotations

import json
import os
from pathlib import Path

import grpc
import pytest

from cekalwatch.contract.values.people import PersonRole, TwoPersonAction
from cekalwatch.server.audit.entry import Action
from cekalwatch.server.domain.people import JointAct
from cekalwatch.server.storage.database import Database
from cekalwatch.v1.watchlist_service_pb2 import AcceptShrunkenListRequest
from cekalwatch.wire.tokens import bearer, signed_bytes
from tests.support.scenarios.people import PASSWORD, Office, person, programs_passwords
from tests.support.scenarios.second_person import beside
from tests.support.scenarios.sign_in import Desk, Scene, refused, threshold_of
from tests.support.scenarios.site_pki import Site
from tests.support.tools.packs import light_environment
from tests.support.tools.programs import run_program


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    site = Site(tmp_path)
    found = Scene(site, site.settings())
    found.hire("adi", PersonRole.ADMINISTRATOR, PersonRole.LIST_MANAGER)
    found.hire("agus", PersonRole.ADMINISTRATOR)
    found.hire("sari", PersonRole.SUPERVISOR)
    return found


@pytest.mark.slow
async def test_the_word_for_a_shrunken_list_sets_no_threshold_and_is_gone_by_that(scene: Scene) -> None:
    async with scene.served(), scene.desk() as desk:
        token = await desk.sign_in("adi")
        word = await desk.countersign("sari", token, AcceptShrunkenListRequest(run_id=7))
        assert await refused(desk.set_threshold(0.2, token, word)) == "SECOND_PERSON_ELSEWHERE"
        assert await refused(desk.set_threshold(0.2, token, word)) == "SESSION_ENDED"
    assert not scene.trail(Action.THRESHOLD_SET)
    (refusal,) = scene.trail(Action.SESSION_REFUSED)
    assert refusal.outcome == "OTHER_ACT"


@pytest.mark.slow
async def test_the_word_for_one_threshold_is_none_for_another(scene: Scene) -> None:
    async with scene.served(), scene.desk() as desk:
        token = await desk.sign_in("adi")
        for signed, sent in ((0.6, 0.2), (0.6, None), (None, 0.2), (0.6, 0.60001)):
            word = await desk.countersign("sari", token, threshold_of(signed))
            assert await refused(desk.set_threshold(sent, token, word)) == "SECOND_PERSON_ELSEWHERE"
    assert not scene.trail(Action.THRESHOLD_SET)


@pytest.mark.slow
async def test_the_word_beside_one_person_is_none_beside_another_or_beside_a_later_session(scene: Scene) -> None:
    async with scene.served(), scene.desk() as desk:
        adi, again, agus = [await desk.sign_in(name) for name in ("adi", "adi", "agus")]
        for thief in (again, agus):
            word = await desk.countersign("sari", adi, threshold_of(0.6))
            assert await refused(desk.set_threshold(0.6, thief, word)) == "SECOND_PERSON_ELSEWHERE"
    assert not scene.trail(Action.THRESHOLD_SET)


@pytest.mark.slow
async def test_nobody_signs_for_nothing_in_particular_or_beside_nobody(scene: Scene) -> None:
    async with scene.served(), scene.desk() as desk:
        token = await desk.sign_in("adi")
        blank = beside("sari", threshold_of(0.6))
        blank.ClearField("joint_act")
        assert await refused(desk.sessions().SignIn(blank, metadata=bearer(token))) == "ARGUMENT_INVALID"
        assert await refused(desk.sessions().SignIn(beside("sari", threshold_of(0.6)))) == "SIGN_IN_NEEDED"


@pytest.mark.slow
async def test_the_trail_tells_what_each_signed_for_and_beside_whom(scene: Scene) -> None:
    async with scene.served(), scene.desk() as desk:
        token = await desk.sign_in("adi")
        await desk.set_threshold(0.6, token, await desk.countersign("sari", token, threshold_of(0.6)))
    first, second = scene.trail(Action.SIGNED_IN)
    act = JointAct.of(TwoPersonAction.CHANGE_THRESHOLD, signed_bytes(threshold_of(0.6)))
    told = json.loads(second.details)
    assert (told["action"], told["argument"]) == (act.action, act.argument_sha256)
    assert told["first_session"] == json.loads(first.details)["session"]
    assert set(json.loads(first.objects)) < set(json.loads(second.objects))


@pytest.mark.slow
async def test_a_call_that_waits_for_its_request_cannot_be_turned_into_another(scene: Scene) -> None:
    async with scene.served(), scene.desk() as desk:
        token = await desk.sign_in("adi")
        word = await desk.countersign("sari", token, threshold_of(0.6))
        # A field that this server does not know must be signed for too: a later server may read it.
        sent = signed_bytes(threshold_of(0.6)) + b"\xa2\x06\x01x"
        assert await refused(_raw(desk, sent, token, word)) == "SECOND_PERSON_ELSEWHERE"
    assert not scene.trail(Action.THRESHOLD_SET)


def _raw(desk: Desk, sent: bytes, token: str, word: str) -> grpc.aio.UnaryUnaryCall[bytes, bytes]:
    ask: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = desk.channel.unary_unary(
        "/cekalwatch.v1.OperationsService/SetThreshold"
    )
    return ask(sent, metadata=bearer(token, word))


@pytest.mark.slow
def test_at_the_servers_terminal_both_read_what_they_sign_for_in_both_languages_before_their_passwords(
    tmp_path: Path,
) -> None:
    database = Database(f"sqlite:///{tmp_path / 'cekalwatch.sqlite3'}")
    database.upgrade()
    office = Office(database, passwords=programs_passwords())
    for name, role in (("adi", PersonRole.ADMINISTRATOR), ("sari", PersonRole.SUPERVISOR)):
        office.hire(person(name, role))
    typed = f"adi\n{PASSWORD}\nsari\n{PASSWORD}\n"
    variables = os.environ | light_environment()
    command = ("thresholds", "set", "0.55", "--data-dir", tmp_path)
    done = run_program("server", *command, typed=typed, environment=variables)
    assert done.returncode == 0, done.stderr
    said = done.stderr
    for name in ("administrator", "supervisor"):
        before = said[: said.index(f"Sign-in name of the {name}")]
        assert before.count("becomes 0.5500") == before.count("menjadi 0,5500") >= 1
    assert said.count("becomes 0.5500") == 2
    _, second = office.trail(Action.SIGNED_IN)
    assert json.loads(second.details)["action"] == "CHANGE_THRESHOLD"
    assert len(office.trail(Action.SIGNED_OUT)) == 1
    database.close()

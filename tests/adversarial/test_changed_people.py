"""Who can write the database by SQL, but has not its keys, gets no rights by it: people and sessions, at a server."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.audit.entry import Action
from cekalwatch.server.auth.people_admin import PeopleAdmin
from tests.support.builders.keys import KEEPER
from tests.support.scenarios.alarms import Watcher
from tests.support.scenarios.intruder import Intruder
from tests.support.scenarios.sign_in import WAIT_S, Scene, refused
from tests.support.scenarios.site_pki import Site


@pytest.fixture
def scene(tmp_path: Path, database_setting: dict[str, str]) -> Iterator[Scene]:
    site = Site(tmp_path)
    scene = Scene(site, site.settings(**database_setting))
    yield scene
    scene.database.close()


@pytest.fixture
def intruder(scene: Scene) -> Intruder:
    return Intruder(scene.settings)


async def test_a_person_who_was_inserted_cannot_sign_in(scene: Scene, intruder: Intruder):
    scene.hire("budi")
    (officer,) = intruder.rows("person")
    added = {"person_id": f"{0:036}", "sign_in_name": "mallory", "roles": '["LIST_MANAGER"]'}
    intruder.insert("person", officer | added)
    async with scene.served(), scene.desk() as desk:
        assert await refused(desk.sign_in("mallory")) == "SIGN_IN_REFUSED"
        assert await desk.sign_in("budi"), "the rest goes on"


async def test_roles_that_were_written_by_hand_end_the_session_and_do_not_count(scene: Scene, intruder: Intruder):
    scene.hire("budi")
    async with scene.served(), scene.desk() as desk:
        token = await desk.sign_in("budi")
        intruder.run("UPDATE person SET roles = '[\"ADMINISTRATOR\"]'")
        assert await refused(desk.whoami(token)) == "SESSION_ENDED"
        assert await refused(desk.sign_in("budi")) == "SIGN_IN_REFUSED"


async def test_a_changed_person_is_not_signed_by_who_changes_the_person_further(scene: Scene, intruder: Intruder):
    budi = scene.hire("budi")
    intruder.run("UPDATE person SET roles = '[\"ADMINISTRATOR\"]'")
    with pytest.raises(ValueError, match=f"the row {budi.person_id} of person does not stand as it was written"):
        scene.office.people.change(budi, scene.office.entry(Action.PERSON_CHANGED))


async def test_a_session_that_was_inserted_is_none(scene: Scene, intruder: Intruder):
    scene.hire("sari", PersonRole.SUPERVISOR)
    async with scene.served(), scene.desk() as desk:
        await desk.sign_in("sari")
        (session,) = intruder.rows("person_session")
        intruder.insert("person_session", session | {"token_sha256": hashlib.sha256(b"mine").hexdigest()})
        assert await refused(desk.whoami("mine")) == "SESSION_ENDED"


@pytest.mark.slow
async def test_rights_that_were_taken_away_cannot_be_put_back(scene: Scene, intruder: Intruder):
    scene.hire("budi", PersonRole.SUPERVISOR)
    admin = PeopleAdmin(scene.office.people, scene.office.passwords, scene.clock, KEEPER)
    async with scene.served(), scene.desk() as desk:
        before = intruder.rows("person")
        admin.disable("budi")
        assert await refused(desk.sign_in("budi")) == "SIGN_IN_REFUSED"
        intruder.put_back("person", before)
        assert await refused(desk.sign_in("budi")) == "SIGN_IN_REFUSED"
    async with scene.served(), scene.desk() as desk:
        assert await refused(desk.sign_in("budi")) == "SIGN_IN_REFUSED", "another start forgets nothing"


@pytest.mark.slow
@pytest.mark.both_databases
async def test_what_is_found_is_told_named_and_recorded_once(scene: Scene, intruder: Intruder):
    scene.hire("budi")
    scene.hire("sari", PersonRole.SUPERVISOR)
    async with scene.served(), scene.desk() as desk, Watcher(desk.channel).watching() as watcher:
        kept = intruder.rows("person")
        intruder.run("UPDATE person SET sites = '[]' WHERE sign_in_name = 'budi'")
        await watcher.until(lambda one: "ROWS_CHANGED person" in one.kinds, WAIT_S)
        assert dict(watcher.the("ROWS_CHANGED person").details) == {"rows": "1"}
        intruder.put_back("person", kept)
        await watcher.until(lambda one: "ROWS_CHANGED person" not in one.kinds, WAIT_S)
    (entry,) = scene.trail(Action.ROWS_REFUSED)
    (budi,) = (row["person_id"] for row in kept if row["sign_in_name"] == "budi")
    assert entry.objects == f'["row:person/{budi}"]'

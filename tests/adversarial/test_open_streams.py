"""What is taken away from a person or a device ends what they have open, and nothing is stored for them afterwards."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.audit.entry import Action
from cekalwatch.server.domain.people import Person
from cekalwatch.server.foundation.errors import Code
from cekalwatch.server.storage.people.store import PeopleStore
from cekalwatch.v1 import watchlist_service_pb2
from tests.support.scenarios.open_import import OpenImport
from tests.support.scenarios.server import reason_of
from tests.support.scenarios.sign_in import Scene
from tests.support.scenarios.site_pki import Site

WAIT_S = 60.0


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    site = Site(tmp_path / "site")
    async with Scene(site, site.settings()).served() as scene, asyncio.timeout(WAIT_S):
        yield scene
    scene.database.close()


def change(scene: Scene, person: Person) -> None:
    PeopleStore(scene.database).change(person, scene.office.entry(Action.PERSON_CHANGED))


def orders(scene: Scene) -> int:
    return len(scene.trail(Action.ORDER_IMPORTED))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"roles": frozenset({PersonRole.OFFICER})}, Code.PERSON_ROLE_NEEDED),
        ({"sites": frozenset({"sekupang"})}, Code.PERSON_SITE_NOT_ALLOWED),
        ({"disabled": True}, Code.SESSION_ENDED),
    ],
    ids=["role", "site", "account"],
)
async def test_an_open_import_ends_with_the_right_to_it_and_stores_nothing_afterwards(
    scene: Scene, changed: dict[str, Any], code: Code
) -> None:
    person = scene.hire("rina", PersonRole.LIST_MANAGER)
    async with scene.desk() as desk:
        importing = OpenImport(desk, await desk.sign_in("rina"))
        await importing.send()
        ending = asyncio.create_task(importing.until_it_ends())
        await asyncio.to_thread(change, scene, replace(person, **changed))
        stored = await asyncio.to_thread(orders, scene)
        begun = time.monotonic()
        assert await ending == code
        # One record may have been in the middle of being stored.
        assert await asyncio.to_thread(orders, scene) <= stored + 1
        assert time.monotonic() - begun < WAIT_S / 2


@pytest.mark.slow
async def test_an_import_on_which_nothing_comes_ends_as_well(scene: Scene) -> None:
    person = scene.hire("rina", PersonRole.LIST_MANAGER)
    async with scene.desk() as desk:
        importing = OpenImport(desk, await desk.sign_in("rina"))
        await importing.send()
        await asyncio.to_thread(change, scene, replace(person, roles=frozenset({PersonRole.AUDITOR})))
        with pytest.raises(grpc.aio.AioRpcError) as ended:
            await importing.call.read()
        assert reason_of(ended.value) == Code.PERSON_ROLE_NEEDED


@pytest.mark.slow
async def test_an_import_goes_on_while_nothing_is_taken_away(scene: Scene) -> None:
    person = scene.hire("rina", PersonRole.LIST_MANAGER)
    async with scene.desk() as desk:
        importing = OpenImport(desk, await desk.sign_in("rina"))
        await importing.send()
        roles = frozenset({PersonRole.AUDITOR, PersonRole.LIST_MANAGER})
        await asyncio.to_thread(change, scene, replace(person, roles=roles))
        ends = time.monotonic() + 2.0
        while time.monotonic() < ends:
            await importing.send()
        await importing.call.write(
            watchlist_service_pb2.ImportWatchlistRequest(finish=watchlist_service_pb2.ImportFinish())
        )
        assert await importing.call.read() is grpc.aio.EOF

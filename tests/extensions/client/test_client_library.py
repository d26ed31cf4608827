"""The client library and its examples against a real server with certificates."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from cekalwatch.client import (
    AlertStream,
    CallError,
    ChangedMeanwhileError,
    Client,
    InvalidRequestError,
    NotAllowedError,
    NotFoundError,
    SetUpError,
    SignInNeededError,
    Start,
    UnreachableError,
)
from cekalwatch.contract.values.adjudication import OPEN_STATES, AlertEventType, AlertState, Outcome, Reason
from cekalwatch.contract.values.alerts import AlertEvent
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.audit.entry import Action
from cekalwatch.wire.identity import DeviceRole
from tests.support.builders.watchlist_folder import ORDERS_FILE, row, write_orders
from tests.support.repository import ROOT
from tests.support.scenarios.people import PASSWORD
from tests.support.scenarios.port_office import PortOffice, port_office
from tests.support.scenarios.sign_in import becomes

pytestmark = pytest.mark.slow

EXAMPLES = ROOT / "extensions" / "cekalwatch" / "client" / "examples"
PEOPLE = {"budi": (), "lina": (PersonRole.LIST_MANAGER,)}


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[PortOffice]:
    found = port_office(tmp_path, PEOPLE, grouping_window_seconds=0)
    async with found.open():
        yield found


def tls_dir(office: PortOffice) -> Path:
    return office.site.device(DeviceRole.NOTIFIER, "duty").folder


def connect(office: PortOffice) -> Client:
    return Client(office.address, tls_dir(office), "duty")


async def ready(stream: AlertStream, events: Any) -> asyncio.Task[AlertEvent]:
    """Ask for the next event, and return once the stream stands."""
    asked = asyncio.create_task(asyncio.to_thread(next, events))

    async def stands() -> bool:
        return stream.connection.ready

    await becomes(stands)
    return asked


async def test_a_program_that_dies_gets_again_what_it_had_not_finished_and_nothing_else(office: PortOffice) -> None:
    with connect(office) as client, client.alerts() as stream:
        events = iter(stream)
        asked = await ready(stream, events)
        first_id = await office.raise_alert()
        first = await asked
        assert (first.alert.alert_id, first.type) == (first_id, AlertEventType.RAISED)
        assert (first.alert.camera.counter, first.alert.subject.name, first.alert.score) == ("D1", "", 0.0)
        assert stream.connection.readiness() is not None
        assert stream.freshness.last_success_at is not None
        second_id = await office.raise_alert(track="2")
        second = await asyncio.to_thread(next, events)
        assert (second.alert.alert_id, second.sequence > first.sequence) == (second_id, True)
    # The second was being handled: the first was finished when the second was asked for.
    with connect(office) as client:
        events = iter(client.alerts())
        again = await asyncio.to_thread(next, events)
        assert again.sequence == second.sequence
        third_id = await office.raise_alert(track="3")
        assert (await asyncio.to_thread(next, events)).alert.alert_id == third_id


async def test_a_person_who_signs_in_is_told_names_and_may_do_what_their_role_may(office: PortOffice) -> None:
    alert_id = await office.raise_alert()

    def work() -> None:
        with connect(office) as client:
            with pytest.raises(SignInNeededError) as caught:
                next(client.steps.listed())
            assert caught.value.code == "SIGN_IN_NEEDED"
            assert str(caught.value).endswith("Sign in with Client.sign_in and call again.")
            with pytest.raises(SignInNeededError):
                next(iter(client.alerts(Start.BEGINNING)))
            assert client.sign_in("budi", PASSWORD).roles == {PersonRole.OFFICER}
            (waiting,) = client.steps.listed(OPEN_STATES)
            assert waiting.alert_id == alert_id
            seen = client.steps.look(alert_id, waiting.version, Outcome.REFERRED)
            assert seen.subject.name == "Contoh Satu"
            mine = client.steps.claim(alert_id)
            with pytest.raises(ChangedMeanwhileError) as stale:
                client.steps.adjudicate(alert_id, mine.version - 1, Outcome.REFERRED, Reason.FACE_AGREES, "")
            assert stale.value.code == "ALERT_CHANGED"
            with pytest.raises(InvalidRequestError):
                client.steps.adjudicate(alert_id, mine.version, Outcome.REFERRED, Reason.FACE_DIFFERS, "")
            with pytest.raises(NotFoundError):
                client.steps.alert("0197f6c0-0000-7000-8000-000000000000")
            with pytest.raises(NotAllowedError) as forbidden:
                client.preview_list(write_orders(office.site.folder / "list", [row()]) / ORDERS_FILE)
            assert forbidden.value.code == "PERSON_ROLE_NEEDED"
            assert "administrator" in str(forbidden.value)
            events = iter(client.alerts(Start.BEGINNING))
            claimed = next(one for one in events if one.type is AlertEventType.CLAIMED)
            assert claimed.alert.subject.name == "Contoh Satu"
            client.sign_out()
            with pytest.raises(SignInNeededError):
                next(client.steps.listed())

    await asyncio.to_thread(work)


async def test_a_list_is_previewed_and_imported_as_it_was_previewed(office: PortOffice) -> None:
    file = write_orders(office.site.folder / "list", [row("O-2", subject_id="S-2"), row("O-3", valid_until="soon")])

    def work() -> None:
        with connect(office) as client:
            client.sign_in("lina", PASSWORD)
            preview = client.preview_list(file / ORDERS_FILE)
            assert (preview.rows, len(preview.records)) == (2, 2)
            assert [(one.reason, one.field) for one in preview.problems] == [("RECORD_INVALID", "valid_until")]
            with pytest.raises(CallError) as caught:
                client.import_list(file / ORDERS_FILE, "0" * 64)
            assert caught.value.code == "IMPORT_OUTDATED"
            client.import_list(file / ORDERS_FILE, preview.digest)
            assert client.subjects.one("S-2").subject.name == "Contoh Satu"

    await asyncio.to_thread(work)
    (imported,) = office.trail(Action.ORDER_IMPORTED)[-1:]
    assert imported.actor.startswith("person:")


async def test_what_cannot_be_used_or_reached_says_what_to_do(office: PortOffice) -> None:
    with pytest.raises(SetUpError, match=r"key\.pem cannot be read"):
        Client(office.address, office.site.folder / "nothing", "duty")
    with pytest.raises(SetUpError, match="plaintext"):
        Client("cekal.batam.local:50051", None, "duty")
    with pytest.raises(SetUpError, match="HOST:PORT"):
        Client("cekal", tls_dir(office), "duty")
    with (
        Client("127.0.0.1:9", tls_dir(office), "duty") as client,
        pytest.raises(UnreachableError, match=r"nobody answers there.*try again later"),
    ):
        await asyncio.to_thread(client.problems.open)


def run(name: str, office: PortOffice, *more: str, typed: str = "") -> str:
    """Run an example as its documentation says, and return what it printed."""
    command = [sys.executable, str(EXAMPLES / name), office.address, str(tls_dir(office)), "duty", *more]
    done = subprocess.run(command, input=f"{typed}\n", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


async def test_the_examples_do_what_they_say(office: PortOffice) -> None:
    alert_id = await office.raise_alert()
    with pytest.raises(AssertionError, match="Nobody has looked: nothing is judged"):
        await asyncio.to_thread(run, "judge.py", office, "budi", typed=PASSWORD)
    assert not {Action.ALERT_LOOKED, Action.ALERT_CLAIMED} & {one.action for one in office.trail()}
    judged = await asyncio.to_thread(run, "judge.py", office, "budi", typed=f"{PASSWORD}\nperhaps\nsame")
    traveller, listed, done = judged.splitlines()
    assert (Path(traveller).name, Path(listed).name) == ("traveller.jpg", "listed.jpg")
    assert done == f"{alert_id} {AlertState.REFERRED}"
    assert not await asyncio.to_thread(Path(traveller).exists)
    folder = write_orders(office.site.folder / "list", [row("O-2", subject_id="S-2")])
    pushed = await asyncio.to_thread(run, "push_list.py", office, "lina", str(folder / ORDERS_FILE), typed=PASSWORD)
    assert pushed == "1 orders imported\n"
    followed = await asyncio.create_subprocess_exec(
        *(sys.executable, str(EXAMPLES / "follow_alerts.py"), office.address, str(tls_dir(office)), "duty"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert followed.stdout

    async def follows() -> bool:
        return Action.SUBSCRIPTION_OPENED in {one.action for one in office.trail()}

    await becomes(follows)
    newest = await office.raise_alert(track="2")
    printed = (await followed.stdout.readline()).decode()
    followed.terminate()
    assert f"RAISED {newest} NEW D1" in printed
    await followed.wait()
    office.clock.go(hours=office.settings.freshness_limit_hours + 1)

    async def says_so() -> bool:
        states = await asyncio.to_thread(run, "read_states.py", office)
        return "SOURCE_STALE" in {json.loads(one)["kind"] for one in states.splitlines()}

    await becomes(says_so)

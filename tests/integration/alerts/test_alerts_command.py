"""People work on alerts without a desktop: the console's commands against a real server, from new to closed."""

from __future__ import annotations

import asyncio
import csv
import io
import os
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, closing
from datetime import timedelta
from pathlib import Path

import pytest
from rich.console import Console

from cekalwatch.contract.values.alerts import AlertFilter
from cekalwatch.contract.values.people import PersonRole, PersonSession
from cekalwatch.notifier.console.live import LiveConsole
from cekalwatch.notifier.console.picture_folder import PictureFolder
from cekalwatch.notifier.console.run import ClaimRenewal
from cekalwatch.notifier.console.view import Painter
from cekalwatch.notifier.delivery.ringing import Station
from cekalwatch.office.alerts import ShownAlert
from cekalwatch.office.client.alert_client import AlertClient
from cekalwatch.office.client.session_client import SessionClient
from cekalwatch.program.errors import Exit
from cekalwatch.program.session_file import SessionFile
from cekalwatch.program.translations import Language
from cekalwatch.server.audit.entry import Action
from cekalwatch.wire.calls import Calls
from cekalwatch.wire.identity import DeviceRole
from tests.support.scenarios.people import PASSWORD
from tests.support.scenarios.port_office import PortOffice, port_office
from tests.support.scenarios.server import list_astronaut, order_in_force
from tests.support.tools.programs import run_program

DIFFERS, POOR = ("--reason", "FACE_DIFFERS"), ("--reason", "IMAGE_TOO_POOR")


class Terminal:
    """A PC without a desktop."""

    def __init__(self, office: PortOffice, folder: Path, name: str) -> None:
        self.name = name
        self.files = office.site.device(DeviceRole.NOTIFIER, name)
        self.session = SessionFile(folder / name / f"session-{name}")
        self.address = office.address
        self._environment = os.environ | {
            "CEKALWATCH_NOTIFIER_STATE_DIR": str(folder / name),
            "CEKALWATCH_NOTIFIER_TLS_DIR": str(self.files.folder),
            "CEKALWATCH_NOTIFIER_LANGUAGE": "en",
            "COLUMNS": "200",
        }

    async def run(self, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        words = (*arguments, "--server", self.address, "--agent-id", self.name)
        return await asyncio.to_thread(run_program, "notifier", *words, typed=typed, environment=self._environment)

    async def alerts(self, *arguments: str, typed: str = "") -> str:
        done = await self.run("alerts", *arguments, typed=typed)
        assert done.returncode == Exit.OK, done.stderr
        return done.stdout

    async def refused(self, *arguments: str, typed: str = "") -> str:
        done = await self.run("alerts", *arguments, typed=typed)
        assert done.returncode == Exit.REFUSED, done
        return done.stderr


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[PortOffice]:
    people = {"budi": (), "ani": (), "siti": (PersonRole.SUPERVISOR,)}
    made = port_office(tmp_path / "site", people, grouping_window_seconds=0)
    async with asyncio.timeout(200), made.open():
        yield made


async def signed_in(office: PortOffice, folder: Path, name: str) -> Terminal:
    terminal = Terminal(office, folder, f"pc-{name}")
    done = await terminal.run("sign-in", typed=f"{name}\n{PASSWORD}\n")
    assert done.returncode == Exit.OK, done.stderr
    return terminal


@pytest.mark.slow
async def test_two_people_bring_an_alert_from_new_to_closed(office: PortOffice, tmp_path: Path):
    budi = await signed_in(office, tmp_path, "budi")
    key = (await office.raise_alert())[-6:]
    assert key in await budi.alerts("list")
    facts = ("Contoh Satu", "Kejaksaan Agung", "CEGAH (exit)", "far above")
    assert not [words for words in facts if words in await budi.alerts("show", key)], "two faces come first"
    shown = await budi.alerts("look", key, "--seen", "1", "--finding", "REFERRED")
    assert all(words in shown for words in (*facts, "possible", "held by Petugas budi (pc-budi)"))
    assert "Referred: The faces look the same “same scar”" in await budi.alerts(
        "refer", key, "--seen", "2", "--reason", "FACE_AGREES", "--note", "same scar"
    )
    assert "held by Petugas budi (pc-budi)" in await budi.alerts("undo", key)
    await budi.alerts("refer", key, "--seen", "4", "--reason", "FACE_AGREES", "--note", "same scar")
    without = await budi.refused("confirm", key, "--seen", "5", "--reference", "CO-1/2026")
    assert "Who can do it: supervisor." in without
    confirm = ("confirm", key, "--seen", "5", "--second-signature", "--reference")
    looked = await budi.refused(*confirm, "?", typed=f"siti\n{PASSWORD}\nREFERRED\n")
    assert "must have 4 to 64 characters" in looked, "the supervisor beside looks at the faces first"
    by_its_old_name = ("--beside" if word == "--second-signature" else word for word in confirm)
    assert "--beside is --second-signature now" in await budi.refused(
        *by_its_old_name, "?", typed=f"siti\n{PASSWORD}\n"
    )
    assert "CO-1/2026" in await budi.alerts(*confirm, "co-1/2026", typed=f"siti\n{PASSWORD}\n")
    assert "First record a contact" in await budi.refused("close", key)
    told = await budi.alerts("follow-up", key, "--contact", "duty desk", "--result", "two officers come")
    assert "Kejaksaan Agung, duty desk: two officers come — Petugas budi" in told
    assert "Closed" in await budi.alerts("close", key)
    record = tmp_path / "berita-acara.html"
    await budi.alerts("record", key, str(record))
    assert all(one in record.read_text() for one in ("Berita acara", "CO-1/2026", "two officers come"))
    assert record.stat().st_mode & 0o777 == 0o600
    assert "File exists" in (await budi.run("alerts", "record", key, str(record))).stderr
    assert [len(office.trail(one)) for one in (Action.ALERT_RECORD_TAKEN, Action.ALERT_UNDONE)] == [1, 1]
    assert len(office.trail(Action.ALERT_LOOKED)) == 2
    assert key not in await budi.alerts("list")
    assert key in await budi.alerts("list", "--all")
    assert "the alert has changed" in await budi.refused("claim", key)


@pytest.mark.slow
async def test_what_cannot_be_is_said_in_words(office: PortOffice, tmp_path: Path):
    nobody = Terminal(office, tmp_path, "pc-nobody")
    assert "Nobody is signed in" in await nobody.refused("list")
    budi, ani = [await signed_in(office, tmp_path, name) for name in ("budi", "ani")]
    key = (await office.raise_alert())[-6:]
    await ani.alerts("show", key)
    await budi.alerts("claim", key)
    assert "Missing option '--reason'" in (await budi.run("alerts", "refer", key, "--seen", "2")).stderr
    assert "Petugas budi holds this alert" in await ani.refused("not-same", key, "--seen", "2", *DIFFERS)
    assert "does not match this outcome" in await budi.refused("refer", key, "--seen", "2", "--reason", "FACE_DIFFERS")
    assert "at most 1,000 characters" in await budi.refused("refer", key, "--seen", "2", "--reason", "OTHER")
    await budi.alerts("release", key)
    unseen = await ani.run("alerts", "cannot-tell", key, "--seen", "1", *POOR)
    assert unseen.returncode == Exit.REFUSED
    assert "The alert has changed since it was shown" in unseen.stderr
    assert "Version" in unseen.stdout
    assert "Since then: Being checked" in unseen.stdout, "what came since ani saw it is printed (N17)"
    await ani.alerts("release", key)
    assert "Cannot determine" in await ani.alerts("cannot-tell", key, "--seen", "5", *POOR)
    for wrong in ("abc", "zzzzzz"):
        assert (await budi.run("alerts", "show", wrong)).returncode == Exit.USAGE
    office.address = budi.address = "127.0.0.1:1"
    assert (await budi.run("alerts", "list")).returncode == Exit.UNAVAILABLE


@pytest.mark.slow
async def test_the_next_candidate_is_asked_about_at_once(office: PortOffice, tmp_path: Path):
    twin = order_in_force(order_id="O-2", subject_id="S-2")
    list_astronaut(office.settings, twin, scale=1.3, subject_id="S-2", name="SARI WIJAYA", nationality="IDN")
    budi, seat = await signed_in(office, tmp_path, "budi"), await office.sign_in("siti")
    alert_id = await office.raise_alert()
    # The gallery follows the list; each passage is an alert here.
    while len((await seat.look(await seat.get(alert_id))).candidates) < 2:
        alert_id = await office.raise_alert()
    key, seen = alert_id[-6:], (await seat.get(alert_id)).version
    assert "Candidate" not in await budi.alerts("claim", key), "before the first look"
    first = ("look", key, "--seen", str(seen + 1), "--finding", "NOT_SAME_PERSON")
    assert "Candidate 1 of 2" in await budi.alerts(*first)
    asked = await budi.alerts("not-same", key, "--seen", str(seen + 1), *DIFFERS)
    assert asked.splitlines()[-1] == "Now compare with the next face."
    assert not [words for words in ("Candidate", "Contoh Satu", "SARI WIJAYA") if words in asked], "the next face alone"
    second = ("look", key, "--seen", str(seen + 2), "--finding", "NOT_SAME_PERSON")
    shown = await budi.alerts(*second)
    assert "Candidate 2 of 2" in shown
    assert "Cleared: another person" in shown
    assert "Cleared" in await budi.alerts("not-same", key, "--seen", str(seen + 2), *DIFFERS)


@pytest.mark.slow
async def test_a_supervisor_gets_the_figures_of_the_shift(office: PortOffice, tmp_path: Path):
    siti, budi = await signed_in(office, tmp_path, "siti"), await signed_in(office, tmp_path, "budi")
    await budi.alerts("not-same", (await office.raise_alert())[-6:], "--seen", "1", *DIFFERS)
    file = tmp_path / "figures.csv"
    figures = await siti.alerts("shift", "--csv", str(file))
    assert "False alerts: 1 of 1" in figures
    rows = list(csv.reader(io.StringIO(file.read_text(encoding="utf-8-sig"))))
    assert ["camera", "dep-1", "1", "0", "1.0000"] in rows
    assert "Who can do it: supervisor, auditor." in await budi.refused("shift")


@pytest.mark.slow
async def test_the_console_keeps_the_claims_of_who_works_and_of_nobody_who_went_away(
    office: PortOffice, tmp_path: Path
):
    budi = await signed_in(office, tmp_path, "budi")
    alert_id = await office.raise_alert()
    await budi.alerts("claim", alert_id[-6:])
    dialer = office.site.dialer(office.address, budi.files)
    sessions = SessionClient(office.site.dialer(office.address, budi.files), budi.session)
    terminal = Console(file=io.StringIO(), force_terminal=True, width=120)
    now, came = time.time(), list[PersonSession]()
    with ExitStack() as stack:
        alert_client = stack.enter_context(closing(AlertClient(Calls(dialer), "pc-budi", AlertFilter(), budi.session)))
        pictures = PictureFolder(tmp_path / "pictures", alert_client.pictures, timedelta(minutes=10))
        screen = LiveConsole(terminal, Painter(Language.EN), pictures, Station("pc-budi"), office.address)
        stack.enter_context(screen)
        claimed = await asyncio.to_thread(alert_client.alert, alert_id)
        screen.show(ShownAlert(claimed, claimed.raised_at))
        keeper = ClaimRenewal(
            screen, alert_client, sessions, budi.session.file, came.append, "pc-budi", 300, lambda: now
        )
        office.clock.go(seconds=60)
        assert await asyncio.to_thread(keeper.renew) == 1
        assert await asyncio.to_thread(keeper.renew) == 1
        assert [one.display_name for one in came] == ["Petugas budi"], "told of once"
        renewed = await asyncio.to_thread(alert_client.alert, alert_id)
        assert renewed.handling.claim
        assert claimed.handling.claim
        assert renewed.handling.claim.expires_at > claimed.handling.claim.expires_at
        now += 301
        assert await asyncio.to_thread(keeper.renew) == 0
        budi.session.forget()
        now -= 301
        assert await asyncio.to_thread(keeper.renew) == 0

"""The last release beside this version, as real programs: clients of the one at a server of the other, and an upgrade.

Before the first release an earlier commit with the same tables stands for it (`tests/support/tools.last_release.py`).
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from cekalwatch.program.errors import ProgramError
from cekalwatch.server.backup.archive import AgeIdentity
from cekalwatch.server.backup.restoring import look
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.migrations.applying import Migrations
from cekalwatch.v1 import adjudication_pb2
from cekalwatch.wire import dialer
from cekalwatch.wire.identity import DeviceRole
from deploy.demo import scene
from deploy.demo.office.notifier import Notifier, notifier_paths
from deploy.demo.people import Person
from deploy.demo.programs import run_to_end, wait_until
from deploy.demo.scene import Scene, people_passing, write_video
from deploy.demo.stack import Stack, StackConfig
from deploy.demo.watchlist import write_watchlist
from tests.support.tools.forked_programs import INTERPRETERS
from tests.support.tools.last_release import OtherVersion, has_present_tables, later_version
from tests.support.tools.packs import light_pack
from tests.support.tools.small_demo import FEW_FRAMES

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.usefixtures("forked_programs")]

OFFICER = "officer-1"
WALK_S = 2.0
"""The traveller is in a hurry."""
WAIT_S = 90.0


def with_columns_of_the_release(table: Path) -> None:
    """Leave out the columns that 0.2.0 does not know; a list without them is still read."""
    new = {"ground", "person_status", "revocation_ground", "revocation_reference"}
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [name for name in rows[0] if name not in new], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture
def config(tmp_path: Path, traveller: Person, monkeypatch: pytest.MonkeyPatch) -> StackConfig:
    """The site, of this version unless it is changed; its list and a clip of the traveller are in its folder."""
    write_watchlist([traveller], tmp_path / "list", datetime.now(UTC).date())
    with_columns_of_the_release(tmp_path / "list" / "orders.csv")
    monkeypatch.setattr(scene, "FRAME_RATE", FEW_FRAMES)
    (walk,) = people_passing([traveller]).walks
    write_video(Scene((replace(walk, seconds=WALK_S),)), [traveller], tmp_path / "clip.mp4")
    # As 0.2.0 calls them.
    settings: dict[str, int | float | str] = {
        "grouping_window_s": 0,
        "threads": 1,
        "escalate_after_s": 3600,
        "inference": "onnxruntime",
    }
    return StackConfig(tmp_path, light_pack().parent, model_pack="light", settings=settings)


def alert_of(stack: Stack, notifier: Notifier) -> str:
    """Let the traveller pass the camera, and return the key of the alert that the officer's PC shows then."""
    camera = stack.start_camera("departure-1", stack.config.folder / "clip.mp4")
    raised = notifier.wait_for({"event_type": "RAISED"}, 1, WAIT_S)
    camera.wait_for_success(WAIT_S)
    assert len(raised) == 1, notifier.program.last_lines()
    return str(raised[0]["alert_id"])


@contextmanager
def officers_pc(stack: Stack) -> Iterator[Notifier]:
    """The console of a PC at which the officer has signed in before."""
    tls_dir = stack.certificate(DeviceRole.NOTIFIER, OFFICER)
    config = stack.config
    notifier = Notifier(
        OFFICER, stack.address, tls_dir, config.folder, lambda _: None, config.client_python, rings=config.client_rings
    )
    with notifier.program:
        yield notifier


def refer(stack: Stack, alert_id: str) -> None:
    """Let the officer refer the alert."""
    stack.work_on_alert(OFFICER, "claim", alert_id)
    # A step is answered before the server sends its event on, and one of an escalation may lie before it.
    claimed = "ALERT_STATE_CLAIMED"
    wait_until(lambda: states(stack)[alert_id] == claimed, WAIT_S, "The event of the claim", stack.server)
    seen = version_of(stack, alert_id)
    stack.work_on_alert(OFFICER, "refer", alert_id, "--seen", str(seen), "--reason", "FACE_AGREES")
    wait_until(lambda: version_of(stack, alert_id) > seen, WAIT_S, "The event of the referral", stack.server)


def version_of(stack: Stack, alert_id: str) -> int:
    """The newest version of the alert whose event the server has sent on."""
    return max(event.alert.version for event in stack.event_log() if event.alert.alert_id == alert_id)


def states(stack: Stack) -> dict[str, str]:
    """The newest state of each alert."""
    newest = {event.alert.alert_id: event.alert.state for event in stack.event_log()}
    return {key: adjudication_pb2.AlertState.Name(state) for key, state in newest.items()}


def shown_by(other: OtherVersion, stack: Stack, alert_id: str) -> str:
    """What the officer reads of an alert at a PC of another version."""
    paths = notifier_paths(stack.config.folder, stack.certificate(DeviceRole.NOTIFIER, OFFICER))
    done = other.run(
        "notifier", "alerts", "show", alert_id, "--agent-id", OFFICER, "--server", stack.address, COLUMNS="300", **paths
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def passes(stack: Stack) -> str:
    """Let a traveller pass, and the officer refer the alert; return its key."""
    with officers_pc(stack) as notifier:
        alert_id = alert_of(stack, notifier)
        refer(stack, alert_id)  # the claim of a PC that has gone ends after five seconds
    return alert_id


def test_clients_of_this_version_work_with_the_releases_server_and_those_of_the_release_after_its_upgrade(
    config: StackConfig, traveller: Person, released: OtherVersion, tmp_path: Path
) -> None:
    """The server first, and the clients after it, as docs/upgrading.md says."""
    identity, archives = AgeIdentity.new(), tmp_path / "backups"
    archives.mkdir()
    with_released = replace(config, client_python=released.python, client_rings=False)
    with Stack(replace(with_released, server_python=released.python)) as stack:
        stack.import_watchlist(config.folder / "list")
        stack.wait_for_gallery(1)
        stack.sign_in(OFFICER)
        before = [passes(stack)]
        stack.config = replace(config, server_python=released.python)
        stack.sign_in("officer-2")
        before += [passes(stack)]
        assert states(stack) == dict.fromkeys(before, "ALERT_STATE_REFERRED")

    with closing(Database(f"sqlite:///{tmp_path / 'server' / 'cekalwatch.sqlite3'}")) as database:
        needed = database.migrations()
    assert needed is (Migrations.AS_NEEDED if has_present_tables(released.commit) else Migrations.OLDER)
    with (tmp_path / "server.toml").open("a") as settings:
        settings.write(f'\n[backup]\nrecipients = ["{identity.public}"]\nfolder = "{archives}"\n')
    upgrade = ["-m", "cekalwatch.server", "upgrade", "--config", str(tmp_path / "server.toml")]
    run_to_end("upgrade", upgrade, tmp_path / "logs", WAIT_S)
    made = list(archives.iterdir())
    if needed is Migrations.OLDER:
        assert look(made[0], identity).database.counts["alert"] == 2, "the backup is of before"
    else:
        assert made == [], "there was nothing to change"

    with Stack(with_released) as stack:
        assert states(stack) == dict.fromkeys(before, "ALERT_STATE_REFERRED")
        with officers_pc(stack) as notifier:
            after = alert_of(stack, notifier)
            shown = json.dumps(notifier.wait_for({"alert_id": after}, 1, 0))
            # Two faces first (domain rule 15), also on a PC that knows nothing of it; and its officer can judge.
            for words in (shown, shown_by(released, stack, after)):
                assert not {one for one in (traveller.name, traveller.subject_id) if one in words}
            refer(stack, after)
        assert traveller.name in shown_by(released, stack, after)
        assert states(stack) == dict.fromkeys((*before, after), "ALERT_STATE_REFERRED")
        stack.run_server_command("audit", "verify")
        stack.run_server_command("rows", "check")
    with Stack(config) as stack:
        assert states(stack) == dict.fromkeys((*before, after), "ALERT_STATE_REFERRED")
        passes(stack)


@pytest.fixture
def newer(present: OtherVersion, tmp_path: Path) -> OtherVersion:
    """These sources, as the version two minor ones later than what they say."""
    other = present.copied(tmp_path / "newer")
    other.call_itself(later_version(minor=2))
    INTERPRETERS.add(str(other.python))
    return other


def test_clients_two_minor_versions_behind_are_told_so_and_come_back_upgraded(
    config: StackConfig, newer: OtherVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_no_version = ("grpc.primary_user_agent", "test")
    monkeypatch.setattr(dialer, "CALLER", of_no_version)  # who asks for the server's status here
    upgraded = replace(config, server_python=newer.python, client_python=newer.python)
    with Stack(upgraded) as stack:
        stack.import_watchlist(config.folder / "list")
        stack.wait_for_gallery(1)
        notifier = stack.start_notifier(OFFICER)
        stack.config = replace(upgraded, client_python=config.client_python)
        with pytest.raises(ProgramError, match=r"Pasang versi yang sama dengan server|Install the server's version"):
            stack.work_on_alert(OFFICER, "claim", str(uuid4()))
        with stack.start_camera("departure-1", config.folder / "clip.mp4") as camera:
            wait_until(lambda: "too old for the server" in camera.log_file.read_text(), WAIT_S, "The refusal", camera)
        stack.config = upgraded
        alert_of(stack, notifier)

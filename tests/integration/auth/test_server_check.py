"""`cekalwatch-server check`, on a site that is in order and with each of its faults."""

from __future__ import annotations

import json
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer
from typer.testing import CliRunner

from cekalwatch.program.errors import Exit
from cekalwatch.server.audit.entry import operator
from cekalwatch.server.cli.app import app
from cekalwatch.server.foundation.clock import SystemClock
from cekalwatch.server.storage.database import Database
from cekalwatch.server.wiring.audit import open_signer
from cekalwatch.server.wiring.storage import Context
from tests.support.scenarios.technician import Technician
from tests.support.tools.packs import light_environment

Found = dict[str, tuple[str, str]]


class Checked(Technician):
    """A technician with a site that a server has begun."""

    def begin(self) -> None:
        """Make what the first start of a server makes."""
        with ExitStack() as stack:
            database = Database(self.settings.database_address)
            stack.callback(database.close)
            context = Context.open(self.settings, database, SystemClock(), operator(), stack)
            open_signer(self.settings, context.stores.audit)
            context.stores.watchlist.mark_success(datetime.now(UTC))

    def check(self) -> tuple[int, Found, list[str]]:
        """Return the exit code, and verdict and text of each part; texts of all cameras and devices."""
        options = ("--json", "--config", str(self.config), "--data-dir", str(self.data))
        outcome = CliRunner(env=light_environment()).invoke(app, ["check", *options])
        found = json.loads(outcome.stdout)
        each = [f"{one['camera_id']} {one['text']}".strip() for one in found]
        return outcome.exit_code, {one["subject"]: (one["verdict"], one["text"]) for one in found}, each


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Checked]:
    with socket.socket() as kept:  # its port is free, and nobody else gets it
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.bind(("127.0.0.1", 0))
        made = Checked(tmp_path, listen=f"127.0.0.1:{kept.getsockname()[1]}", enrolment_listen="127.0.0.1:1")
        made.types("pki", "init")
        made.types("pki", "issue", "--role", "server", "--name", "main", "--host", "127.0.0.1")
        made.begin()
        yield made


def test_what_is_in_order_is_ok_and_what_is_missing_says_what_to_do(site: Checked) -> None:
    before = sorted(site.data.rglob("*"))
    code, found, each = site.check()
    assert code == Exit.OK, found
    parts = ("settings", "folder", "authority", "certificate", "database", "master key", "audit key", "model pack")
    assert {part: found[part][0] for part in parts} == dict.fromkeys(parts, "OK")
    assert found["watchlist"] == ("OK", "as it was 0.0 hours ago")
    assert found["people"] == (
        "WARN",
        "nobody is administrator, supervisor, officer: cekalwatch-server people add NAME --role ROLE",
    )
    assert found["server"] == ("WARN", f"it does not run; {site.settings.listen} is free")
    assert any("departure-1" in one and "no capture host has this key: pki invite" in one for one in each)
    assert "nobody sees the alerts of its counters D1; pki invite --role notifier" in found["notifiers"][1]
    assert sorted(site.data.rglob("*")) == before


def test_devices_and_settings_are_compared(site: Checked, tmp_path: Path) -> None:
    site.types("pki", "issue", "--role", "camera", "--name", "x", "--days", "10", "--out", str(tmp_path / "x"))
    site.types("pki", "invite", "--role", "camera", "--name", "arrival-1")
    site.types("pki", "invite", "--role", "notifier", "--name", "counter-1")
    each = site.check()[2]
    assert any(one.startswith("x ") and "a capture host has its certificate" in one for one in each)
    assert any(one.startswith("arrival-1 ") and "invited, and not enrolled yet" in one for one in each)
    assert any("counters D1; counter-1: invited, and not enrolled yet" in one for one in each), each
    assert any("batam-center/camera/x, valid until" in one and "renew it" in one for one in each)
    site.config.write_text(f'listen = "{site.settings.listen}"\n')
    assert any(
        "batam-center/camera/x has a certificate, and the settings have no such camera" in one
        for one in site.check()[2]
    )


def test_ports_servers_are_told_and_two_at_one_site_are_one_too_many(site: Checked, tmp_path: Path) -> None:
    site.types("pki", "invite", "--role", "port", "--name", "main")
    assert "cekalwatch://batam-center/port/main: invited, and not enrolled yet" in site.check()[1]["port"][1]
    site.types("pki", "issue", "--role", "port", "--name", "main", "--out", str(tmp_path / "main"))
    assert site.check()[1]["port"] == ("OK", "cekalwatch://batam-center/port/main: its server has its certificate")
    site.types("pki", "issue", "--role", "port", "--name", "old", "--out", str(tmp_path / "old"))
    assert any("port/main: the port has other servers, old; revoke" in one for one in site.check()[2])


def test_each_loss_is_named(site: Checked) -> None:
    site.data.chmod(0o755)
    (site.data / "master.key").chmod(0o644)
    (site.data / "audit_key.pem").unlink()
    (site.data / "tls" / "key.pem").unlink()
    code, found, _ = site.check()
    assert code == Exit.FAILED
    told = {part: text for part, (verdict, text) in found.items() if verdict == "FAIL"}
    assert told.keys() == {"master key", "audit key", "certificate"}
    assert (found["folder"][0], "chmod 700" in found["folder"][1]) == ("WARN", True)
    assert "chmod 600" in told["master key"]
    assert "put it back from where its copy is kept" in told["audit key"]
    (site.data / "cekalwatch.sqlite3").unlink()
    assert "is gone or empty" in site.check()[1]["database"][1]


@pytest.mark.slow
def test_a_port_that_something_else_holds_fails(site: Checked) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        site.write(listen=f"127.0.0.1:{other.getsockname()[1]}")
        verdict, text = site.check()[1]["server"]
    assert verdict == "FAIL"
    assert "does not answer as this server" in text


def test_a_port_of_metrics_that_something_else_holds_fails(site: Checked) -> None:
    assert site.check()[1]["metrics"] == ("OK", "no metrics are served: [metrics] listen is not set")
    with socket.socket() as kept:
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.bind(("127.0.0.1", 0))
        free = f"127.0.0.1:{kept.getsockname()[1]}"
        site.write(**{"listen": site.settings.listen, "metrics.listen": free})
        assert site.check()[1]["metrics"] == ("WARN", f"it does not run; {free} is free")
    site.write(**{"listen": site.settings.listen, "metrics.listen": site.settings.listen})
    assert "the port of another listener" in site.check()[1]["metrics"][1]
    with HTTPServer() as other:
        site.write(**{"listen": site.settings.listen, "metrics.listen": f"127.0.0.1:{other.port}"})
        verdict, text = site.check()[1]["metrics"]
        assert (verdict, "something else than this server" in text) == ("FAIL", True)
        other.expect_request("/healthz").respond_with_data("LOOP_FAILING\n", status=503)
        assert site.check()[1]["metrics"] == ("OK", f"127.0.0.1:{other.port}: LOOP_FAILING")


def test_a_database_of_another_version_is_told(site: Checked) -> None:
    with closing(sqlite3.connect(site.data / "cekalwatch.sqlite3")) as database, database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    assert site.check()[1]["database"] == (
        "FAIL",
        f"{site.data / 'cekalwatch.sqlite3'} is of a newer version: update this program",
    )


def test_a_password_in_settings_that_all_can_read_fails(site: Checked) -> None:
    site.write(database_url="postgresql://cekal:hidden@127.0.0.1:1/cekal")
    site.config.chmod(0o644)
    found = site.check()[1]
    assert found["settings"][0] == "FAIL"
    assert "chmod 640" in found["settings"][1]
    assert found["database"][0] == "FAIL"
    assert "hidden" not in str(found)

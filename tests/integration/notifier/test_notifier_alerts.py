"""`cekalwatch-notifier alerts …` finds what is open, however old; against a server over an event log in memory."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cekalwatch.program.errors import Exit
from cekalwatch.v1 import adjudication_pb2
from tests.support.fakes.alert_server import AlertServer, EventLog, alert_message
from tests.support.tools.programs import run_program


@pytest.mark.slow
def test_a_referral_of_days_ago_is_listed_and_cleared_by_commands(tmp_path: Path) -> None:
    log, now = EventLog(), datetime.now(UTC)
    old = log.raise_alert(alert_message("OLD REFERRAL", raised=now - timedelta(days=3))).alert.alert_id
    log.alerts[old].state = adjudication_pb2.ALERT_STATE_REFERRED
    for _ in range(60):
        settled = log.raise_alert(alert_message("SETTLED", raised=now)).alert.alert_id
        log.alerts[settled].state = adjudication_pb2.ALERT_STATE_CLEARED
    environment = os.environ | {
        "CEKALWATCH_NOTIFIER_STATE_DIR": str(tmp_path),
        "CEKALWATCH_NOTIFIER_LANGUAGE": "en",
        "COLUMNS": "200",
    }
    with AlertServer(log) as server:

        def run(*words: str) -> str:
            done = run_program(
                "notifier", "alerts", *words, "--server", server.address, "--agent-id", "pc-1", environment=environment
            )
            assert done.returncode == Exit.OK, done.stderr
            return done.stdout

        assert "OLD REFERRAL" in run("list")
        assert "SETTLED" not in run("list")
        everything = run("list", "--all")
        assert "OLD REFERRAL" in everything
        assert everything.count("SETTLED") == 60
        assert "Cleared" in run("clear", old[-6:], "--seen", "1", "--reason", "NOT_LISTED_IN_CEKAL_ONLINE")
        assert "OLD REFERRAL" not in run("list", "--all")

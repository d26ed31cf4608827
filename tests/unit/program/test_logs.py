from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import structlog

from cekalwatch.program.logs import configure_logs


@pytest.fixture(autouse=True)
def _defaults_afterwards() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def test_log_is_one_json_object_a_line_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs()
    log = structlog.get_logger()
    log.info("connected", camera_id="dep-3", count=2)
    log.warning("two\nlines")
    streams = capsys.readouterr()
    assert streams.out == ""
    first, second = (json.loads(line) for line in streams.err.splitlines())
    assert (first["event"], first["camera_id"], first["count"], first["level"]) == ("connected", "dep-3", 2, "info")
    assert datetime.fromisoformat(first["timestamp"]).utcoffset() == timedelta(0)
    assert second["event"] == "two\nlines"


@pytest.mark.parametrize(("level", "written"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_level_leaves_out_what_is_below(level: str, written: int, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(level)
    log = structlog.get_logger()
    for method in (log.debug, log.info, log.warning, log.error):
        method("event")
    assert len(capsys.readouterr().err.splitlines()) == written


def test_error_brings_its_traceback_into_the_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs()
    try:
        raise ValueError("broken")
    except ValueError:
        structlog.get_logger().exception("failed")
    (line,) = capsys.readouterr().err.splitlines()
    assert "ValueError: broken" in json.loads(line)["exception"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_log_that_cannot_be_written_stops_nothing() -> None:
    work = """
import structlog
from cekalwatch.program.logs import configure_logs
configure_logs()
for number in range(1000):
    structlog.get_logger().info("event", number=number)
print("the work is done", flush=True)
"""
    with Path("/dev/full").open("wb") as full_disk:
        ran = subprocess.run([sys.executable, "-c", work], stdout=subprocess.PIPE, stderr=full_disk, check=False)
    assert ran.stdout == b"the work is done\n"


def test_log_whose_stream_somebody_has_closed_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command had given the log its own stream, and closed it. The next line of the log stopped the server."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    configure_logs()
    log = structlog.get_logger()
    stream.close()
    log.warning("event")

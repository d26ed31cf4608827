"""The check of a server: where nobody listens it fails at once, and a server that says nothing gets some time."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from cekalwatch.program.checks import server
from cekalwatch.program.checks.results import CheckVerdict
from cekalwatch.program.checks.server import ANSWER_S, check_server
from cekalwatch.wire.identity import DeviceRole
from tests.support.scenarios.site_pki import Site
from tests.support.tools.daemons import free_port


@pytest.fixture
def tls_dir(tmp_path: Path) -> Path:
    return Site(tmp_path / "site").device(DeviceRole.NOTIFIER, "pc-1").folder


def test_that_nobody_listens_is_told_at_once(tls_dir: Path) -> None:
    began_s = time.monotonic()
    verdict, words = check_server(f"127.0.0.1:{free_port()}", tls_dir)
    assert verdict is CheckVerdict.FAIL
    assert "nobody answers" in words
    assert time.monotonic() - began_s < ANSWER_S / 2


def test_who_says_nothing_is_waited_for(tls_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "ANSWER_S", 1.0)
    began_s = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        verdict, words = check_server(f"127.0.0.1:{silent.getsockname()[1]}", tls_dir)
    assert verdict is CheckVerdict.FAIL
    assert "nobody answers" in words
    assert time.monotonic() - began_s >= 1.0

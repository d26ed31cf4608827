"""What the files of the container say, compared with what the server has. The image is not made here: it takes long."""

from __future__ import annotations

import os
import re

import pytest

from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.setup.answers import DEFAULT_ENROLMENT, DEFAULT_LISTEN
from cekalwatch.wire.address import split_address
from deploy.container.__main__ import ACCOUNT_ID, CONTAINERFILE, PACKAGES
from tests.support.repository import ROOT

IMAGE = CONTAINERFILE.read_text()
COMPOSE = (CONTAINERFILE.parent / "compose.yaml").read_text()
PAGE = (ROOT / "docs" / "container.md").read_text()
PORTS = [split_address(address)[1] for address in (DEFAULT_LISTEN, DEFAULT_ENROLMENT)]


def test_settings_of_the_image_are_settings_of_the_server(monkeypatch: pytest.MonkeyPatch):
    given = dict(re.findall(r"(CEKALWATCH_SERVER_\w+)=(\S+)", IMAGE))
    for name in [name for name in os.environ if name.startswith("CEKALWATCH_")]:
        monkeypatch.delenv(name)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    metrics = ServerSettings.load().metrics.listen
    assert metrics == "127.0.0.1:9465"
    assert f"http://{metrics}/healthz" in IMAGE
    assert f'"{metrics}"' in (ROOT / "deploy/monitoring/prometheus.yml").read_text()


def test_ports_are_those_that_init_chooses():
    assert re.findall(r"^EXPOSE (.+)$", IMAGE, re.MULTILINE) == [" ".join(map(str, PORTS))]
    assert [f"{port}:{port}" for port in PORTS] == re.findall(r'"(\d+:\d+)"', COMPOSE)


def test_volumes_are_what_the_package_makes():
    made = (ROOT / "deploy/packages/debian/cekalwatch-server.tmpfiles").read_text()
    (volumes,) = re.findall(r"^VOLUME (.+)$", IMAGE, re.MULTILINE)
    for folder in re.findall(r'"(/[a-z/]+)"', volumes):
        assert f"d {folder} " in made
        assert f":{folder}" in COMPOSE


def test_nothing_runs_as_root_and_no_secret_is_in_the_file():
    assert f"USER {PACKAGES[0]}" in IMAGE
    assert f"chown {ACCOUNT_ID} pgpass" in PAGE
    assert re.findall(r"^\s+(?:POSTGRES_PASSWORD|PGPASSWORD)\b", COMPOSE, re.MULTILINE) == []
    assert "read_only: true" in COMPOSE.split("\n  postgres:\n")[0]
    files = set(re.findall(r"file: \./secrets/(\S+)", COMPOSE))
    assert files == {"pgpass", "postgres_password", "answers.toml"}
    assert [name for name in files if name not in PAGE] == []

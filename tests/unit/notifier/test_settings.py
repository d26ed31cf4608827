from __future__ import annotations

import re
from pathlib import Path

import pytest

from cekalwatch.contract.values.orders import Direction
from cekalwatch.notifier.settings import NotifierSettings, host_key
from cekalwatch.program.errors import ProgramError
from cekalwatch.wire.identity import DeviceRole
from tests.support.scenarios.site_pki import Site


def test_agent_is_named_after_the_pc() -> None:
    assert re.fullmatch(r"[a-z0-9-]{1,64}", host_key())
    assert NotifierSettings.load().agent_id == host_key()


def test_with_a_certificate_the_agent_goes_by_its_name(tmp_path: Path) -> None:
    files = Site(tmp_path).device(DeviceRole.NOTIFIER, "counter-d1")
    assert NotifierSettings.load(tls_dir=files.folder).agent_id == "counter-d1"
    assert NotifierSettings.load(tls_dir=files.folder, agent_id="pc-7").agent_id == "pc-7"
    files.certificate.write_text("none")
    assert NotifierSettings.load(tls_dir=files.folder).agent_id == host_key()


@pytest.mark.parametrize(
    ("name", "key"), [("Konter_3.Batam", "konter-3-batam"), ("", "notifier"), ("...", "notifier"), ("x" * 99, "x" * 64)]
)
def test_any_pc_name_gives_a_key(name: str, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.node", lambda: name)
    assert host_key() == key


def test_filter_comes_from_file_environment_and_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "notifier.toml"
    file.write_text('site = "batam-center"\ncounters = ["1", "2"]\ndirection = "ARRIVAL"\n')
    monkeypatch.setenv("CEKALWATCH_NOTIFIER_COUNTERS", '["3"]')
    wanted = NotifierSettings.load(file, direction="DEPARTURE").wanted
    assert (wanted.site, wanted.counters, wanted.direction) == ("batam-center", frozenset({"3"}), Direction.DEPARTURE)


def test_server_on_another_machine_is_refused_without_a_certificate(tmp_path: Path) -> None:
    settings = NotifierSettings.load(server_addresses="192.168.1.5:50051", tls_dir=tmp_path / "tls")
    with pytest.raises(ProgramError, match=r"another machine, and there is no certificate in .*tls: enrol"):
        settings.dialer()


def test_pictures_are_written_only_into_a_folder_that_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    assert NotifierSettings.load(agent_id="a", state_dir=tmp_path).images_path is None
    assert NotifierSettings.load(agent_id="a", images_dir=tmp_path / "mine").images_path == tmp_path / "mine" / "a"

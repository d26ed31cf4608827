"""Settings by the names of 0.2.0: files of that release state every setting that it had, and all of them still load."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from cekalwatch.extensions.notices.settings import MqttTerms
from cekalwatch.gateway.settings import GatewaySettings
from cekalwatch.program.checks.machine import check_settings
from cekalwatch.program.checks.results import CheckVerdict
from cekalwatch.program.cli.setting_list import Setting, describe
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.settings import LoadedSettings, Settings
from deploy.settings_page import PROGRAMS

FILES = sorted((Path(__file__).parent / "settings_of_0.2.0").glob("*.toml"))
"""Made by the code of 0.2.0: all that it knew, the tables of a source for each kind, and what its `init` wrote."""
RENAMED = [(program, old) for program, settings in PROGRAMS.items() for old in settings.old_names]

GATE = "authorities counter name secret_file site url"
DIRECTORY = "account authorities display_attribute name_attribute nested outage_hours password_file people_base servers"
NEW: dict[str, set[str]] = {program: set() for program in PROGRAMS} | {
    "cekalwatch-server": {
        *(f"directory.{name}" for name in DIRECTORY.split()),
        "escalate_owed_again_after_seconds",
        *(f"notices.mqtt.{one.name}" for one in fields(MqttTerms)),
        "notices.syslog_text",
        *(f"notices.gates.{name}" for name in GATE.split()),
        "openid.hosts",
        "openid.native_client_id",
        "shift_note_retention_days",
        "unusable_notice_seconds",
        "watchlist.source.pattern",
    },
    "cekalwatch-camera": {
        "search_whole_seconds",
        "source_password_file",
        "source_user",
        "cameras.search_whole_seconds",
        "cameras.source_password_file",
        "cameras.source_user",
    },
    "cekalwatch-notifier": {"console_url", "training_dir"},
    "cekalwatch-gateway": set(GatewaySettings.model_fields),
}
"""The settings that 0.2.0 did not have."""


def settings_of(file: Path) -> type[Settings]:
    return PROGRAMS[f"cekalwatch-{file.stem.split('-')[0]}"]


def stated(values: Any, place: str = "") -> Iterator[tuple[str, Any]]:  # a settings file holds many types
    """Yield each setting that a file states, by its tables and key."""
    for one in values if isinstance(values, list) else [values]:
        for key, value in one.items():
            path = f"{place}.{key}" if place else key
            inner = value if isinstance(value, list) else [value]
            if inner and all(isinstance(entry, dict) for entry in inner):
                yield from stated(inner, path)
            else:
                yield path, value


def path_of(setting: Setting) -> str:
    return setting.name.replace("[", "").replace("]", "")


def renamed(settings: type[Settings], old: str) -> str:
    table, dot, key = old.rpartition(".")
    return f"{table}{dot}{settings.old_names.get(old, key)}"


def wrong(settings: type[Settings], file: Path) -> str:
    with pytest.raises(ProgramError) as caught:
        settings.load(file)
    assert caught.value.exit_code is Exit.CONFIG
    return str(caught.value)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_file_of_the_release_before_says_the_same(file: Path) -> None:
    settings = settings_of(file)
    loaded = settings.load_with_sources(file)
    before = [(renamed(settings, old), value) for old, value in stated(tomllib.loads(file.read_text("utf-8")))]
    assert sorted(map(str, stated(dict(loaded.sources)["file"]))) == sorted(map(str, before))
    assert {path for path, _ in before} <= {path_of(one) for one in describe(settings)}


@pytest.mark.parametrize(("program", "settings"), PROGRAMS.items())
def test_the_files_state_every_setting(program: str, settings: type[Settings]) -> None:
    before = {
        renamed(settings, old)
        for file in FILES
        if settings_of(file) is settings
        for old, _ in stated(tomllib.loads(file.read_text("utf-8")))
    }
    now = {path_of(one) for one in describe(settings) if not one.form.startswith(("table", "list of tables"))}
    assert now - before == NEW[program]


def test_every_renamed_setting_is_one_of_now() -> None:
    for settings in PROGRAMS.values():
        known = {path_of(one) for one in describe(settings)}
        assert {renamed(settings, old) for old in settings.old_names} <= known
        assert not known & set(settings.old_names)


@pytest.mark.parametrize(("program", "old"), [one for one in RENAMED if not one[1].startswith(("cameras.", "ptz."))])
def test_an_old_variable_is_read(program: str, old: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = PROGRAMS[program]
    places = ((file, dict(stated(tomllib.loads(file.read_text("utf-8"))))) for file in FILES)
    example, value = next((file, at[old]) for file, at in places if settings_of(file) is settings and old in at)
    if old.startswith("watchlist.source."):  # which has no variable without a kind
        monkeypatch.setenv("CEKALWATCH_SERVER_CONFIG", str(without(example, old, tmp_path)))
    monkeypatch.setenv(f"{settings.model_config.get('env_prefix')}{old.upper().replace('.', '__')}", str(value))
    loaded = settings.load_with_sources()
    assert dict(stated(dict(loaded.sources)["environment"])) == {renamed(settings, old): str(value)}
    assert [one.old for one in loaded.old_names if one.source == "environment"] == [old]
    found: Any = loaded.values
    for key in renamed(settings, old).split("."):
        found = getattr(found, key)
    assert found == value


def without(file: Path, old: str, folder: Path) -> Path:
    """Return a copy of a file that does not state the setting."""
    table, _, key = old.rpartition(".")
    parts = file.read_text("utf-8").split(f"[{table}]\n")
    rest = [line for line in parts[1].splitlines(keepends=True) if not line.startswith(f"{key} = ")]
    made = folder / file.name
    made.write_text(f"{parts[0]}[{table}]\n{''.join(rest)}", encoding="utf-8")
    return made


def console(text: str, folder: Path) -> Path:
    made = folder / "console.toml"
    made.write_text(text, encoding="utf-8")
    return made


@pytest.fixture
def loaded(tmp_path: Path) -> LoadedSettings[Settings]:
    return PROGRAMS["cekalwatch-console"].load_with_sources(console("idle_lock_s = 77\n", tmp_path))


def test_a_person_reads_the_new_name_and_no_value(
    loaded: LoadedSettings[Settings], capsys: pytest.CaptureFixture[str]
) -> None:
    loaded.told()
    told = capsys.readouterr().err.splitlines()
    assert told[1:] == [
        "Warning: old names of settings, which only this release reads: idle_lock_s (file) is idle_lock_seconds now"
    ]
    assert "77" not in told[1]


def test_the_log_has_one_warning(loaded: LoadedSettings[Settings]) -> None:
    with capture_logs() as entries:
        loaded.log()
    assert [entry for entry in entries if entry["log_level"] == "warning"] == [
        {
            "event": "old_setting_names",
            "log_level": "warning",
            "names": ["idle_lock_s (file) is idle_lock_seconds now"],
        }
    ]


def test_check_warns_of_old_names_only(loaded: LoadedSettings[Settings], tmp_path: Path) -> None:
    verdict, text = check_settings(loaded)
    assert verdict is CheckVerdict.WARN
    assert "idle_lock_s (file) is idle_lock_seconds now" in text
    assert "77" not in text
    new = PROGRAMS["cekalwatch-console"].load_with_sources(console("idle_lock_seconds = 77\n", tmp_path))
    assert check_settings(new) == (CheckVerdict.OK, str(new.file))


def test_check_warns_of_old_variables_without_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CEKALWATCH_CONSOLE_IDLE_LOCK_S", "77")
    verdict, text = check_settings(PROGRAMS["cekalwatch-console"].load_with_sources())
    assert verdict is CheckVerdict.WARN
    assert "idle_lock_s (environment) is idle_lock_seconds now" in text


def test_both_names_with_different_values_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = PROGRAMS["cekalwatch-console"]
    told = "idle_lock_s ({}) is idle_lock_seconds now, and they differ: remove idle_lock_s"
    file = console("idle_lock_s = 77\nidle_lock_seconds = 78\n", tmp_path)
    assert wrong(settings, file) == f"Wrong settings:\n  {told.format('file')}"
    console("idle_lock_s = 78\nidle_lock_seconds = 78\n", tmp_path)
    assert settings.load_with_sources(file).old_names[0].old == "idle_lock_s"
    monkeypatch.setenv("CEKALWATCH_CONSOLE_IDLE_LOCK_S", "77")
    monkeypatch.setenv("CEKALWATCH_CONSOLE_IDLE_LOCK_SECONDS", "78")
    assert wrong(settings, file) == f"Wrong settings:\n  {told.format('environment')}"


def test_an_old_variable_wins_over_the_new_name_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CEKALWATCH_CONSOLE_IDLE_LOCK_S", "77")
    loaded = PROGRAMS["cekalwatch-console"].load_with_sources(console("idle_lock_seconds = 78\n", tmp_path))
    assert loaded.values.model_dump()["idle_lock_seconds"] == 77


def test_entries_of_lists_have_old_names_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CEKALWATCH_CAMERA_CAMERAS", '[{"camera_id": "gate-1", "source": "0", "track_miss_s": 2}]')
    loaded = PROGRAMS["cekalwatch-camera"].load_with_sources()
    assert loaded.values.model_dump()["cameras"][0]["track_miss_seconds"] == 2
    assert [str(one) for one in loaded.old_names] == [
        "cameras.track_miss_s (environment) is cameras.track_miss_seconds now"
    ]

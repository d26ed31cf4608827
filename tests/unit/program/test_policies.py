"""What a domain's administrators set stands above all else, and the templates say what the programs take."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from cekalwatch.notifier.settings import NotifierSettings
from cekalwatch.program import settings as program_settings
from cekalwatch.program.checks.machine import check_settings
from cekalwatch.program.cli.settings_command import present
from cekalwatch.program.errors import Exit, ProgramError
from deploy.policies.templates import PROGRAMS, Policy, documents, policies

FOLDER = Path(__file__).parents[3] / "deploy" / "policies"
IN = "{http://schemas.microsoft.com/GroupPolicy/2006/07/PolicyDefinitions}"


@cache
def every_policy() -> dict[str, Policy]:
    return {one.name: one for one in policies()}


def stated(monkeypatch: pytest.MonkeyPatch, **values: Any) -> None:
    """Let the registry have these values: a test with a registry is test_windows_policies.py."""
    monkeypatch.setattr(program_settings, "policies", lambda _: values)


def test_a_policy_stands_above_file_environment_and_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "notifier.toml"
    file.write_text("idle_lock_seconds = 3600\nsound = true\n", encoding="utf-8")
    monkeypatch.setenv("CEKALWATCH_NOTIFIER_IDLE_LOCK_SECONDS", "3000")
    stated(
        monkeypatch, idle_lock_seconds=120, sound=0, counters=["A1", "A2"], text_scale="1.25", traces={"share": "0.5"}
    )
    loaded = NotifierSettings.load_with_sources(file, counters=("D1",))
    values = loaded.values
    assert (values.idle_lock_seconds, values.sound, values.counters) == (120, False, ("A1", "A2"))
    assert (values.text_scale, values.traces.share, values.picture_lifetime) == (1.25, 0.5, timedelta(minutes=10))
    origins = {one.setting.name: one.origin for one in present(loaded)}
    assert (origins["idle_lock_seconds"], origins["traces.share"], origins["theme"]) == ("policy", "policy", "default")
    assert "policies above it: counters, idle_lock_seconds, sound" in check_settings(loaded)[1]


@pytest.mark.parametrize(
    ("value", "told"),
    [({"idle_lock_seconds": 5}, "idle_lock_seconds: .*by a policy"), ({"idle_lok": 5}, "idle_lok: .*by a policy")],
)
def test_a_wrong_policy_is_refused_and_told_from_a_wrong_file(
    value: dict[str, Any], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stated(monkeypatch, **value)
    with pytest.raises(ProgramError, match=told) as refused:
        NotifierSettings.load()
    assert refused.value.exit_code is Exit.CONFIG


def test_the_templates_are_those_of_the_settings() -> None:
    for name, content in documents().items():
        assert (FOLDER / name).read_text(encoding="utf-8") == content, f"renew {name}: make policies"


def test_each_reference_of_the_templates_is_there_in_both_languages() -> None:
    admx = ET.parse(FOLDER / "cekalwatch.admx").getroot()  # noqa: S314  # our own file
    written = (FOLDER / "cekalwatch.admx").read_text(encoding="utf-8")
    names = [one.get("name") for one in admx.iter(f"{IN}policy")]
    assert len(set(names)) == len(names) == len(every_policy())
    for language in ("en-US", "id-ID"):
        adml = ET.parse(FOLDER / language / "cekalwatch.adml").getroot()  # noqa: S314
        for kind in ("string", "presentation"):
            known = [str(one.get("id")) for one in adml.iter(f"{IN}{kind}")]
            asked = {part.split(")")[0] for part in written.split(f"$({kind}.")[1:]}
            assert len(set(known)) == len(known)
            assert asked == set(known), f"{kind}s of {language}"
        texts = [one.text for one in adml.iter(f"{IN}string")]
        assert all(text and text.strip() for text in texts)


def values_of(policy: Policy) -> list[Any]:
    """Return what the editor would write into the registry at the edges of a policy."""
    if policy.is_switch:
        return [0, 1]
    if policy.bounds:
        return list(policy.bounds)
    return policy.choices


def test_programs_take_what_the_editor_lets_people_choose(
    monkeypatch: pytest.MonkeyPatch, subtests: pytest.Subtests
) -> None:
    edged = {name: policy for name, policy in every_policy().items() if values_of(policy)}
    assert edged
    for name, policy in edged.items():
        with subtests.test(name):
            for value in values_of(policy):
                stated(monkeypatch, **{policy.setting.key: value})
                loaded = PROGRAMS[policy.program].load()
                assert getattr(loaded, policy.setting.key) in {value, str(value).lower(), value == 1}


def test_no_policy_holds_a_password_or_is_of_one_device() -> None:
    keys = {one.setting.key for one in every_policy().values()}
    assert not keys & {"ptz_password", "agent_id", "camera_id", "source", "user"}
    assert {"idle_lock_seconds", "server_addresses", "spool_mb"} <= keys

"""An officer can take each step in the window and on the command line."""

from __future__ import annotations

from cekalwatch.contract.values.adjudication import Step
from cekalwatch.notifier.cli.alerts import commands
from cekalwatch.notifier.desktop.dialogs.step_flow import CEKAL_ONLINE_KEY, KEYS


def test_each_step_has_a_key_of_its_own() -> None:
    assert set(KEYS) == set(Step)
    assert len({*KEYS.values(), CEKAL_ONLINE_KEY}) == len(KEYS) + 1


def test_each_step_has_a_command() -> None:
    names = {one.name or (one.callback.__name__ if one.callback else "") for one in commands.registered_commands}
    assert {step.lower().replace("_", "-") for step in Step} - {name.replace("_", "-") for name in names} == set()

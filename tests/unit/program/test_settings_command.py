from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field, SecretStr
from pydantic.dataclasses import dataclass
from pydantic_settings import SettingsConfigDict

from cekalwatch.program.cli.command import SettingsFormat
from cekalwatch.program.cli.setting_list import HIDDEN, describe
from cekalwatch.program.cli.settings_command import markdown, present, print_settings
from cekalwatch.program.settings import SECTION, Settings


@dataclass(frozen=True, config=SECTION)
class Bulb:
    watts: Annotated[int, Field(ge=1, le=2_000_000)] = 5
    """Its power, in watts."""
    colour: str | None = None
    """Its colour."""


@dataclass(frozen=True, kw_only=True, config=SECTION)
class Mains:
    kind: Literal["mains"]
    """Says that it has a plug."""
    volts: Annotated[float, Field(gt=0)] = 230.0
    """Its voltage, in volts."""


@dataclass(frozen=True, kw_only=True, config=SECTION)
class Battery:
    kind: Literal["battery"]
    """Says that it has a battery."""
    hours: int
    """Hours until it is empty."""


class Lamp(Settings):
    """A lamp."""

    model_config = SettingsConfigDict(env_prefix="CEKALWATCH_LAMP_")

    name: str = "desk"
    """What it is called."""
    seats: int = Field(default_factory=lambda: 3)
    """How many people it lights."""
    bulb: Bulb = Bulb()
    """What shines in it."""
    spares: tuple[Bulb, ...] = ()
    """Bulbs in the drawer."""
    power: Annotated[Mains | Battery, Field(discriminator="kind")] | None = None
    """Where its current comes from."""
    password: SecretStr | None = None
    """Lets people switch it."""
    address: str = ""
    """Where it is reached."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "lamp.toml"


def shown(file: Path | None = None, **overrides: object) -> dict[str, tuple[object, str]]:
    return {one.setting.name: (one.value, one.origin) for one in present(Lamp.load_with_sources(file, **overrides))}


def test_each_value_says_where_it_comes_from(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text('name = "file"\nseats = 4\n[bulb]\nwatts = 9\ncolour = "white"\n[[spares]]\nwatts = 1\n')
    monkeypatch.setenv("CEKALWATCH_LAMP_BULB__WATTS", "7")
    monkeypatch.setenv("CEKALWATCH_LAMP_SEATS", "5")
    found = shown(file, name="option")
    assert found["name"] == ("option", "option")
    assert found["seats"] == (5, "environment")
    assert found["bulb.watts"] == (7, "environment")
    assert found["bulb.colour"] == ("white", "file")
    assert found["spares"] == ([{"watts": 1, "colour": None}], "file")
    assert found["log_level"] == ("info", "default")
    assert found["power"] == (None, "default")


def test_of_a_table_with_several_forms_only_the_one_in_use_is_shown(file: Path) -> None:
    file.write_text('[power]\nkind = "battery"\nhours = 3\n')
    found = shown(file)
    assert {name for name in found if name.startswith("power")} == {"power.kind", "power.hours"}
    forms = {(one.name, one.kind) for one in describe(Lamp) if one.table == "power"}
    assert {("power.volts", "mains"), ("power.hours", "battery")} <= forms


def test_a_setting_is_described_with_its_bounds_its_default_and_its_variable() -> None:
    described = {one.name: one for one in describe(Lamp)}
    watts = described["bulb.watts"]
    assert watts.form == "whole number from 1 to 2000000"
    assert (watts.default, watts.meaning, watts.variable) == (
        5,
        "Its power, in watts.",
        "CEKALWATCH_LAMP_BULB__WATTS",
    )
    assert described["power.hours"].required
    assert described["seats"].varies
    assert described["[spares].watts"].variable == ""


@pytest.mark.parametrize("form", SettingsFormat)
def test_no_format_shows_a_password(
    form: SettingsFormat, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CEKALWATCH_LAMP_PASSWORD", "hunter2")
    monkeypatch.setenv("CEKALWATCH_LAMP_ADDRESS", "rtsp://admin:hunter3/hunter@5@10.0.0.7/1?password=hunter4")
    monkeypatch.setenv("COLUMNS", "200")
    print_settings(Lamp.load_with_sources(), form)
    printed = capsys.readouterr().out
    assert "hunter" not in printed
    assert (HIDDEN in printed) is (form is not SettingsFormat.MARKDOWN)


@pytest.mark.parametrize(
    "text",
    [
        "",
        'name = "a \\"b\\" ✓"\nlog_level = "debug"\n',
        '[bulb]\ncolour = "red"\n[power]\nkind = "mains"\nvolts = 12\n[[spares]]\nwatts = 1\n[[spares]]\nwatts = 2\n',
    ],
)
def test_what_toml_prints_is_the_same_configuration(text: str, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(text)
    loaded = Lamp.load_with_sources(file)
    print_settings(loaded, SettingsFormat.TOML)
    printed = capsys.readouterr().out
    file.write_text(printed)
    assert Lamp.load(file) == loaded.values
    assert "# Its power, in watts.\n# watts = 5" in printed
    assert "# seats = 3" in printed


def test_json_is_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    print_settings(Lamp.load_with_sources(name="x"), SettingsFormat.JSON)
    first = next(one for one in json.loads(capsys.readouterr().out) if one["name"] == "name")
    assert first == {
        "name": "name",
        "value": "x",
        "from": "option",
        "form": "text",
        "default": "desk",
        "meaning": "What it is called.",
        "variable": "CEKALWATCH_LAMP_NAME",
    }


def test_the_reference_has_a_part_for_each_table() -> None:
    page = markdown(Lamp)
    for heading in ("### `[bulb]`", "### `[power]` of kind battery", "### `[[spares]]`"):
        assert heading in page
    assert "| `volts` | number above 0 | 230.0 | Its voltage, in volts. |" in page
    assert "| `seats` | whole number | depends on the machine |" in page
    assert "| `hours` | whole number | required |" in page

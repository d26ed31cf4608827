from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field
from pydantic_settings import SettingsConfigDict

from cekalwatch.notifier.settings import NotifierSettings
from cekalwatch.program.cli.prompts import secret_of
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.settings import Settings


class Lamp(BaseModel):
    model_config = ConfigDict(extra="forbid")

    watts: int = 5


@dataclass(frozen=True)
class Cord:
    """A part's own type: the settings check it, and pass it on."""

    length_m: Annotated[float, Field(gt=0)] = 2.0


@dataclass(frozen=True)
class RoundPlug:
    """One form of a table that has several."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    kind: Literal["round"]
    pins: int = 2


@dataclass(frozen=True)
class FlatPlug:
    """The other form."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    kind: Literal["flat"]


class Sample(Settings):
    model_config = SettingsConfigDict(env_prefix="CEKALWATCH_SAMPLE_")

    name: str = "default"
    count: Annotated[int, Field(ge=1)] = 1
    lamp: Lamp = Lamp()
    cord: Cord = Cord()
    names: tuple[str, ...] = ()
    bulbs: tuple[Lamp, ...] = ()
    plug: Annotated[RoundPlug | FlatPlug, Field(discriminator="kind")] | None = None


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "sample.toml"


def refusal(file: Path | None = None, **overrides: object) -> str:
    with pytest.raises(ProgramError) as caught:
        Sample.load(file, **overrides)
    assert caught.value.exit_code is Exit.CONFIG
    return str(caught.value)


def test_command_line_wins_over_environment_over_file_over_default(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Sample.load().name == "default"
    file.write_text('name = "file"\ncount = 2\n')
    assert Sample.load(file).name == "file"
    monkeypatch.setenv("CEKALWATCH_SAMPLE_NAME", "environment")
    assert Sample.load(file).name == "environment"
    assert Sample.load(file, name="option").name == "option"
    assert Sample.load(file, name="option").count == 2


def test_option_that_is_not_given_changes_nothing(file: Path) -> None:
    file.write_text('name = "file"\n')
    assert Sample.load(file, name=None, count=None) == Sample.load(file)


def test_environment_can_name_the_file_and_an_option_names_another(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text('name = "file"\n')
    monkeypatch.setenv("CEKALWATCH_SAMPLE_CONFIG", str(file))
    assert Sample.load().name == "file"
    other = tmp_path / "other.toml"
    other.write_text('name = "other"\n')
    assert Sample.load(other).name == "other"


def test_parts_of_a_group_can_be_set_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CEKALWATCH_SAMPLE_LAMP__WATTS", "7")
    monkeypatch.setenv("CEKALWATCH_SAMPLE_CORD__LENGTH_M", "3")
    assert Sample.load().lamp == Lamp(watts=7)
    assert Sample.load().cord == Cord(3.0)


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Sample.load().name = "other"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("cuont = 2\n", "cuont: there is no such setting (did you mean count?)"),
        ("lamp = {wats = 2}\n", "lamp.wats: there is no such setting (did you mean watts?)"),
        ("cord = {metres = 2}\n", "cord.metres: there is no such setting"),
        ("[[bulbs]]\nwats = 2\n", "bulbs.0.wats: there is no such setting (did you mean watts?)"),
        ("length_m = 2\n", "length_m: there is no such setting (did you mean cord.length_m?)"),
        ('plug = {kind = "round", pinns = 2}\n', "plug.round.pinns: there is no such setting (did you mean pins?)"),
    ],
)
def test_misspelt_key_of_the_file_is_refused_with_what_may_be_meant(file: Path, text: str, told: str) -> None:
    file.write_text(text)
    assert refusal(file) == f"Wrong settings:\n  {told}"


@pytest.mark.parametrize("name", ["CEKALWATCH_SAMPLE_CUONT", "CEKALWATCH_SAMPLE_LAPM__WATTS"])
def test_misspelt_variable_is_refused_by_its_name(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "2")
    meant = {"CEKALWATCH_SAMPLE_CUONT": "COUNT"}.get(name, "LAMP")
    assert f"there is no {name} (did you mean CEKALWATCH_SAMPLE_{meant}?)" in refusal()


def test_a_file_that_nobody_names_is_looked_for_on_the_machine_and_then_in_the_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine, account = tmp_path / "etc", tmp_path / "config" / "cekalwatch"
    monkeypatch.setattr("cekalwatch.program.settings.SYSTEM_FOLDER", machine)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(account.parent))
    assert Sample.usual_files() == (machine / "sample.toml", account / "sample.toml")
    assert Sample.load_with_sources().file is None
    for folder, name in ((account, "the account"), (machine, "the machine")):
        folder.mkdir(parents=True)
        (folder / "sample.toml").write_text(f'name = "{name}"\n')
        assert Sample.load().name == name
    assert Sample.load_with_sources().file == machine / "sample.toml"
    named = tmp_path / "sample.toml"
    named.write_text('name = "named"\n')
    monkeypatch.setenv("CEKALWATCH_SAMPLE_CONFIG", str(named))
    assert Sample.load().name == "named"


def test_a_command_says_which_file_it_read_apart_from_its_results(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text("count = 2\n")
    assert Sample.load_with_sources(file).told().count == 2
    assert capsys.readouterr() == ("", f"Using this machine; settings: {file}\n")


def test_variables_of_other_programs_are_none_of_our_business(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CEKALWATCH_OTHER_CUONT", "2")
    monkeypatch.setenv("PATH_OF_CEKALWATCH_SAMPLE_X", "2")
    assert Sample.load() == Sample()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("count = 0\n", ("count", "greater than or equal to 1")),
        ('count = "many"\n', ("count", "valid integer")),
        ('lamp = {watts = "x"}\n', ("lamp.watts",)),
        ("cord = {length_m = 0}\n", ("cord.length_m", "greater than 0")),
        ("count =\n", ("not valid TOML",)),
    ],
)
def test_wrong_file_is_refused_with_the_place(file: Path, text: str, words: tuple[str, ...]) -> None:
    file.write_text(text)
    message = refusal(file)
    assert all(word in message for word in words)


def test_every_wrong_key_is_named_at_once(file: Path) -> None:
    file.write_text('count = 0\nlamp = {watts = "x"}\nmore = 1\n')
    message = refusal(file)
    assert all(word in message for word in ("count", "lamp.watts", "more"))


def test_variable_that_cannot_be_read_is_refused_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CEKALWATCH_SAMPLE_NAMES", "no list")
    assert "names" in refusal()


def test_file_that_is_absent_or_no_text_is_refused(file: Path, tmp_path: Path) -> None:
    assert str(file) in refusal(file)
    assert str(tmp_path) in refusal(tmp_path)
    file.write_bytes(b"name = '\xff'\n")
    assert str(file) in refusal(file)


def test_a_file_from_an_editor_of_windows_is_read(tmp_path: Path) -> None:
    """Its byte order mark was said to be no valid TOML."""
    file = tmp_path / "notifier.toml"
    file.write_bytes(b'\xef\xbb\xbfsite = "batam-center"\r\nidle_lock_seconds = 60\r\n')
    found = NotifierSettings.load(file)
    assert (found.site, found.idle_lock_seconds) == ("batam-center", 60)
    file.write_bytes(b"\xef\xbb\xbfsecret\r\n")
    assert secret_of(file, "NO_SUCH_VARIABLE", "Code") == "secret"

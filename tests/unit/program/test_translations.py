"""Texts for people, from a package's compiled catalogue."""

from __future__ import annotations

from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.translations import Language, Texts

TEXTS = {Language.ID: {"WAITING": "{count} menunggu"}, Language.EN: {"WAITING": "{count} waiting", "EMPTY": ""}}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """A package with catalogues; a name of its own each time, since catalogues are read once."""
    name = f"shows_texts_{request.node.name}"
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    for language, texts in TEXTS.items():
        catalogue = Catalog(locale=language)
        for message_id, text in texts.items():
            catalogue.add(message_id, text)
        folder = tmp_path / name / "locale" / language / "LC_MESSAGES"
        folder.mkdir(parents=True)
        with (folder / "messages.mo").open("wb") as file:
            write_mo(file, catalogue)
    return name


def test_a_message_is_said_in_the_chosen_language(package: str) -> None:
    assert Texts(package, Language.ID).say("WAITING", count=3) == "3 menunggu"
    assert Texts(package, Language.EN).say("WAITING", count=3) == "3 waiting"


@pytest.mark.parametrize("message_id", ["ABSENT", "EMPTY"])
def test_an_unknown_or_untranslated_message_is_an_error_and_never_shown_as_its_id(
    package: str, message_id: str
) -> None:
    with pytest.raises(KeyError, match=message_id):
        Texts(package, Language.EN).say(message_id)


def test_whether_there_is_a_text_can_be_asked(package: str) -> None:
    texts = Texts(package, Language.EN)
    assert [message_id for message_id in ("WAITING", "EMPTY", "ABSENT") if message_id in texts] == ["WAITING"]


def test_a_missing_value_is_an_error(package: str) -> None:
    with pytest.raises(KeyError, match="count"):
        Texts(package, Language.EN).say("WAITING")


def test_a_catalogue_that_is_not_compiled_says_what_to_run(package: str, tmp_path: Path) -> None:
    (tmp_path / package / "locale" / "id" / "LC_MESSAGES" / "messages.mo").unlink()
    with pytest.raises(ProgramError, match="make setup") as caught:
        Texts(package, Language.ID)
    assert caught.value.exit_code is Exit.CONFIG

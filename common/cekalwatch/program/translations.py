"""Texts for people, from the gettext catalogues of the package that shows them. It knows none of the texts.

A package has them in `locale/<id|en>/LC_MESSAGES/messages.po`; the build compiles each to a .mo file in its folder.
Messages have ids in capitals (`FACT_NAME`), so that both languages are translations.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from gettext import GNUTranslations, NullTranslations
from importlib.resources import files
from typing import Never

from cekalwatch.program.errors import Exit, ProgramError


class Language(StrEnum):
    """A language of the texts."""

    ID = "id"
    EN = "en"


_INDONESIAN_MARKS = str.maketrans(".,", ",.")
"""Indonesian writes 1.234,5 where English writes 1,234.5."""


class Texts:
    """The texts of a package in one language, with those that it shares with others."""

    def __init__(self, package: str, language: Language, *shared: str) -> None:
        """Read the catalogues of `package` (`cekalwatch.notifier`), and of `shared` packages for texts that it lacks.

        Raises ProgramError when one is not compiled.
        """
        self.language = language
        self._catalogue = _read((package, *shared), language)

    def __contains__(self, message_id: str) -> bool:
        try:
            self._catalogue.gettext(message_id)
        except KeyError:
            return False
        return True

    def say(self, message_id: str, **values: object) -> str:
        """Return a text with `values` in its braces: a count (an int) in the form of `number`, others unchanged.

        A number that is a name, such as that of an audit entry, is passed as a str. Raises KeyError for an
        unknown id or a missing value.
        """
        written = {name: self.number(value) if type(value) is int else value for name, value in values.items()}
        return self._catalogue.gettext(message_id).format(**written)

    def number(self, value: float, form: str = ",") -> str:
        """Return a number as the language writes it; `form` is Python's format, by default with thousands set apart."""
        return self.localised(f"{value:{form}}")

    def localised(self, number: str) -> str:
        """Return a number that is written with a decimal point as the language writes it."""
        number = number.replace("-", "−")
        return number.translate(_INDONESIAN_MARKS) if self.language is Language.ID else number


class _UnknownMessage(NullTranslations):
    def gettext(self, message: str) -> Never:
        raise KeyError(message)


@cache
def _read(packages: tuple[str, ...], language: Language) -> GNUTranslations:
    package, *shared = packages
    file = files(package) / "locale" / language / "LC_MESSAGES" / "messages.mo"
    try:
        with file.open("rb") as compiled:
            catalogue = GNUTranslations(compiled)
    except FileNotFoundError:
        raise ProgramError(f"{file} is missing: run `make setup`, which compiles the texts", Exit.CONFIG) from None
    catalogue.add_fallback(_read(tuple(shared), language) if shared else _UnknownMessage())
    return catalogue

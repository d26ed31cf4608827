"""Which libraries a program imports that a PC with nothing else installed lacks, by the import tables of its files.

Under Wine a program also finds what only Wine brings, so this reads the tables and runs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pefile

OF_WINDOWS = frozenset(Path(__file__).with_name("libraries_of_windows.txt").read_text(encoding="ascii").split())
"""Libraries and API sets of a clean Windows 10 22H2, in lower case."""
_PROGRAMS = frozenset({".exe", ".dll", ".pyd"})
_SEARCHED = ("PySide6", "shiboken6", "pywin32_system32", "*.libs")
"""Folders that packages add to where Windows searches, before they load what needs them; glob patterns."""
_MAX_EXPORTS = 1 << 20
_IMPORT, _DELAYED, _EXPORT = (
    pefile.DIRECTORY_ENTRY[f"IMAGE_DIRECTORY_ENTRY_{name}"] for name in ("IMPORT", "DELAY_IMPORT", "EXPORT")
)


def lacking(tree: Path, packages: Path) -> Iterator[str]:
    """Yield what the programs in `tree` import and do not find, in sentences.

    Windows searches the folder of the file, the program's own and those that `packages` add, and then its own.
    """
    files = sorted(path for path in tree.rglob("*") if path.suffix.lower() in _PROGRAMS)
    added = (tree, *(folder for pattern in _SEARCHED for folder in packages.glob(pattern)))
    by_place = {(path.parent, path.name.lower()): path for path in files}
    for file in files:
        for library, functions in _imports(file).items():
            places = (by_place.get((folder, library)) for folder in (file.parent, *added))
            found = next(filter(None, places), None)
            if found is None and library not in OF_WINDOWS:
                yield f"{file.name} imports {library}, which is neither in the program nor in Windows"
            elif found and (absent := functions - _exports(found)):
                yield f"{file.name} imports {', '.join(sorted(absent))} of {library}, which it has not"


def _imports(file: Path) -> Mapping[str, frozenset[str]]:
    """Return the functions that a file imports by name, by library."""
    read = _read(file, _IMPORT, _DELAYED)
    entries = (*getattr(read, "DIRECTORY_ENTRY_IMPORT", ()), *getattr(read, "DIRECTORY_ENTRY_DELAY_IMPORT", ()))
    return {one.dll.decode("ascii").lower(): _names(one.imports) for one in entries}


@cache
def _exports(file: Path) -> frozenset[str]:
    return _names(_read(file, _EXPORT).DIRECTORY_ENTRY_EXPORT.symbols)


def _read(file: Path, *directories: int) -> pefile.PE:
    read = pefile.PE(file, fast_load=True, max_symbol_exports=_MAX_EXPORTS)
    read.parse_data_directories(directories)
    return read


def _names(symbols: Sequence[Any]) -> frozenset[str]:
    return frozenset(one.name.decode("ascii") for one in symbols if one.name)

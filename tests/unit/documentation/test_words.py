"""Words that readers did not understand, and names that were replaced, do not come back into what is shipped.

The catalogues of texts on screens have a test of their own (`tests/unit/program/test_catalogues.py`).
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.repository import ROOT

SHIPPED = ("common", "server", "camera_client", "officer_notifier", "web_console", "evaluation", "extensions")
PHRASES = re.compile(
    r"\b(what is told|how it stands|who measures what|goes behind the lease|what all have told|mended|"
    r"19 (?:times in|of) 20|others may read|key of the subject|keep the judgement|traveller now)\b|"
    # As a number that nobody has named: "after so many seconds"; "so many that" is plain.
    r"\bso many (?!that\b)",
    re.IGNORECASE,
)
IN_INDONESIAN = re.compile(
    r"\b(kunci subjek|dibuang|gambar per detik|perlintasan layak|selesaikan|19 dari 20|sidik jari|orang kedua|loket|"
    r"supervisor|gangguan|nama masuk|(?<!tanggal )lahir tidak diketahui)\b",
    re.IGNORECASE,
)
"""Words that stand for others on screens (`tests/unit/program/test_catalogues.py`)."""
NAMES = re.compile(
    r"\b(ChoreDuty|SharedChore|Chore|PortReception|AimingDesk|DeviceOffice|LineCutter|Glance|Foreseen|Errand|"
    r"list_keeping|coming_back|wellbeing|Defences|"
    r"Trouble(Store|Row|Client|Subscription|Formatter|Servicer|Window|Controller|Notices|Changes)|SEES_TROUBLES)\b"
)


def python_texts(path: Path) -> Iterator[tuple[int, str]]:
    """The comments and texts of a module, with their lines."""
    source = path.read_text(encoding="utf-8")
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def found_in(texts: Iterator[tuple[int, str]], path: Path) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{line}: {match[0]}"
        for line, text in texts
        for match in PHRASES.finditer(" ".join(text.split()))
    ]


@pytest.mark.parametrize("folder", SHIPPED)
def test_docstrings_comments_and_help_say_it_in_plain_words(folder: str) -> None:
    modules = [path for path in (ROOT / folder).rglob("*.py") if "_pb2" not in path.name]
    assert modules
    assert [one for path in modules for one in found_in(python_texts(path), path)] == []


def test_guides_and_the_contract_say_it_in_plain_words() -> None:
    guides = [*(ROOT / "docs").glob("*.md"), *(ROOT / "docs" / "roles").glob("*.en.md")]
    pages = [*guides, *ROOT.glob("*.md"), *(ROOT / "protos").rglob("*.proto")]
    pages.remove(ROOT / "CHANGELOG.md")  # what was said of a version stays
    assert [one for path in pages for one in found_in(enumerate(path.read_text().splitlines(), 1), path)] == []


def test_indonesian_guides_say_what_the_screens_say() -> None:
    pages = sorted((ROOT / "docs" / "roles").glob("*.id.md"))
    assert pages
    found = {page.name: IN_INDONESIAN.findall(" ".join(page.read_text().split())) for page in pages}
    assert {name: words for name, words in found.items() if words} == {}


@pytest.mark.parametrize("folder", SHIPPED)
def test_replaced_names_do_not_come_back(folder: str) -> None:
    assert [
        f"{path.relative_to(ROOT)}: {name}"
        for path in (ROOT / folder).rglob("*.py")
        for name in NAMES.findall(path.read_text(encoding="utf-8"))
    ] == []

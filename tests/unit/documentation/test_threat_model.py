"""The threat model names the test that shows each protection, and every attack that is tested is in it."""

from __future__ import annotations

import re
from pathlib import Path

REPOSITORY = Path(__file__).parents[3]
THREAT_MODEL = REPOSITORY / "docs" / "threat-model.md"
TESTS = REPOSITORY / "tests"


def named() -> set[str]:
    """The tests that the threat model names, as paths below `tests`."""
    return set(re.findall(r"`(?:tests/)?([\w/]+/test_\w+\.py)", THREAT_MODEL.read_text(encoding="utf-8")))


def test_each_test_that_it_names_is_there():
    assert sorted(path for path in named() if not (TESTS / path).is_file()) == []


def test_it_names_every_attack_that_is_tested():
    attacks = {path.relative_to(TESTS).as_posix() for path in (TESTS / "adversarial").glob("test_*.py")}
    assert sorted(attacks - named()) == []

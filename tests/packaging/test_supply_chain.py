"""The audit of the locked packages says what it found, or that it could not look."""

from __future__ import annotations

import importlib.util
import json
import sys
from types import ModuleType

import pytest

from deploy.release.__main__ import AUDIT
from tests.support.repository import ROOT


@pytest.fixture(scope="module")
def audit() -> ModuleType:
    spec = importlib.util.spec_from_file_location("ci_audit", ROOT / ".ci" / "audit.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_known_vulnerability_fails_the_audit_and_is_named(audit: ModuleType) -> None:
    sound = {"name": "a", "version": "1", "vulns": []}
    bad = {"name": "b", "version": "2", "vulns": [{"id": "PYSEC-1"}, {"id": "CVE-2"}]}
    unknown = {"name": "c", "skip_reason": "not found"}
    assert audit.verdict(json.dumps({"dependencies": [sound, unknown]})) == (
        0,
        "1 of 2 packages audited, 0 with known vulnerabilities",
    )
    code, told = audit.verdict(json.dumps({"dependencies": [sound, bad]}))
    assert code == 1
    assert "b 2: PYSEC-1, CVE-2" in told


@pytest.mark.parametrize("output", ["", "no JSON", '{"dependencies": [{"name": "c", "skip_reason": "not found"}]}'])
def test_an_audit_that_cannot_look_says_so(audit: ModuleType, output: str) -> None:
    code, told = audit.verdict(output)
    assert code == audit.NOT_AUDITED
    assert told.startswith("NOT AUDITED")


@pytest.mark.parametrize(("arguments", "code"), [([], 0), (["--required"], 2)], ids=["CI", "release"])
def test_an_audit_that_cannot_look_passes_in_ci_and_stops_a_release(
    audit: ModuleType, arguments: list[str], code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "COMMAND", (sys.executable, "-c", "raise SystemExit('no network')"))
    assert audit.main(arguments) == code


def test_a_release_asks_for_the_audit_that_stops_it() -> None:
    assert AUDIT[1:] == (".ci/audit.py", "--required")

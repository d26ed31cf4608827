"""What a check found: a verdict, and a sentence that says what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class CheckVerdict(StrEnum):
    """How it is with the thing that was looked at."""

    OK = "OK"
    WARN = "WARN"
    """It works, and will not for long, or not well."""
    FAIL = "FAIL"
    """It does not work."""


@dataclass(frozen=True)
class CheckResult:
    """One line of the report."""

    subject: str
    """What was looked at, one of a few words: source, detector, disk, certificate, server, clock, mount."""
    verdict: CheckVerdict
    text: str
    camera_id: str = ""
    """Whose it is; empty for what all cameras share."""

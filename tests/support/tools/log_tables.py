"""The tables of log events in `docs/operations.md`, one for each program."""

from __future__ import annotations

from tests.support.repository import ROOT

TITLES = {
    "server": "The server",
    "camera": "The camera client",
    "notifier": "The notifier",
    "console": "The console",
    "gateway": "The gateway",
    "all": "Every program",
}


def log_tables() -> dict[str, str]:
    """Return the table of each program."""
    page = (ROOT / "docs" / "operations.md").read_text("utf-8")
    return {program: page.split(f"\n### {title}\n", 1)[1].split("\n#", 1)[0] for program, title in TITLES.items()}

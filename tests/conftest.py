"""Looks through everything that the programs of the whole suite logged for personal data, and fails the run for it."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
import structlog

from tests.support.log_scan import personal_data

# Before Qt is loaded: two screens that nobody sees, the second one as travellers would.
os.environ["QT_QPA_PLATFORM"] = f"offscreen:configfile={Path(__file__).parent / 'support' / 'screens.json'}"

Findings = dict[str, list[str]]
_findings = pytest.StashKey[Findings]()
_written = pytest.StashKey[Path]()


def pytest_configure(config: pytest.Config) -> None:
    """Begin with nothing found."""
    config.stash[_findings] = {}


@pytest.fixture(scope="session", autouse=True)
def _watch_log_files(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Remember where the tests let their programs write."""
    request.config.stash[_written] = tmp_path_factory.getbasetemp()


@pytest.fixture(autouse=True)
def _logs_of_its_own() -> Iterator[None]:
    """Undo what a command that ran in this process did to the logs: its standard error is closed by now."""
    yield
    structlog.reset_defaults()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Look at what a test logged in this process, or in one whose errors go where ours do."""
    report = yield
    _look(item.config, report.nodeid, "\n".join(text for _, text in report.sections))
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Look at the log files, and let the run fail when anything was found."""
    if folder := session.config.stash.get(_written, None):
        for path in sorted(folder.rglob("*.log")):
            _look(session.config, str(path.relative_to(folder)), path.read_text(errors="replace"))
    if session.config.stash[_findings] and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Tell what was found."""
    if findings := config.stash[_findings]:
        terminalreporter.section("personal data in logs", red=True)
        for place, lines in findings.items():
            terminalreporter.line("\n    ".join([place, *lines]))


def _look(config: pytest.Config, place: str, text: str) -> None:
    if lines := personal_data(text):
        config.stash[_findings][place] = lines

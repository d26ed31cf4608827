"""Looks through everything that the programs of the whole suite logged for personal data, and fails the run for it.

The process that was started does so, which hears of every test; the workers of pytest-xdist only run them, and write to
folders below its own.
"""

from __future__ import annotations

import builtins
import ctypes
import gc
import importlib.util
import os
import signal
import sys
from collections import defaultdict
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, cast

import hypothesis
import pytest
import structlog

from deploy.house import durations
from tests.support.tools.dealing import dealt
from tests.support.tools.forked_process import forking_place
from tests.support.tools.log_scan import personal_data
from tests.support.tools.own_memory import forget_peak, held_bytes, peak_bytes
from tests.support.tools.postgres import end_shared_postgres, shared_postgres

if TYPE_CHECKING:
    from tests.support.tools.emptied_databases import EmptiedDatabases

# Before Qt is loaded: two screens that nobody sees, the second one as travellers would.
os.environ["QT_QPA_PLATFORM"] = f"offscreen:configfile={Path(__file__).parent / 'support' / 'tools' / 'screens.json'}"

# httpcore looks for it five times a request, and where it is not installed that takes as long as the rest of it.
if importlib.util.find_spec("sniffio") is None:
    sys.modules["sniffio"] = None  # type: ignore[assignment]  # what Python keeps for a module that is not there

MAX_GROWTH_BYTES = 1_000_000_000
MAX_LEFT_BYTES = 100_000_000

# A busy machine makes no example wrong.
hypothesis.settings.register_profile("suite", deadline=None)
hypothesis.settings.load_profile("suite")


class _CapturedOutput:
    """Standard output, where pytest captures it at that moment.

    `print` without a file keeps no reference to it before Python 3.13: a thread that wrote while a test ended, and
    pytest took its capture away, ended the whole process.
    """

    def write(self, text: str) -> int:
        return sys.stdout.write(text)

    def flush(self) -> None:
        sys.stdout.flush()


def _log_where_pytest_captures() -> None:
    structlog.reset_defaults()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(cast("TextIO", _CapturedOutput())))


def pytest_configure(config: pytest.Config) -> None:
    """Watch the logs and have a place for what forks programs, unless this is a worker."""
    _log_where_pytest_captures()
    # A shell starts a job in the background with SIGINT ignored, and all its programs would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_LogWatch())
        config.pluginmanager.register(_Durations())
        opened = ExitStack()
        opened.enter_context(forking_place())
        config.add_cleanup(opened.close)


def pytest_sessionstart() -> None:
    """Import as Python does: Qt, which pytest-qt has loaded, looks for its switches around each import statement.

    For that it reads the source of each module that imports, and each statement takes three times as long.
    """
    builtins.__import__ = getattr(builtins, "__orig_import__", builtins.__import__)


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the run's PostgreSQL, unless this is a worker."""
    _log_where_pytest_captures()
    if not hasattr(config, "workerinput"):
        end_shared_postgres(config._tmp_path_factory.getbasetemp())  # type: ignore[attr-defined]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Generator[None, object, object]:
    """Leave twins on PostgreSQL to `make test-all`, but where SQL differs, and deal what runs to several workers."""
    for item in items:
        kinds = item.callspec.params.values() if isinstance(item, pytest.Function) and hasattr(item, "callspec") else ()
        on_postgres = any(isinstance(kind, str) and kind == "postgresql" for kind in kinds)
        if on_postgres and not item.get_closest_marker("both_databases"):
            item.add_marker("exhaustive")
        if sys.platform != "win32" and item.get_closest_marker("windows"):
            item.add_marker(pytest.mark.skip(reason="asks Windows; tests/windows runs it under Wine"))
    result = yield
    if workerinput := getattr(config, "workerinput", None):
        items[:] = dealt(items, workerinput["workercount"])
    return result


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep the collector of garbage from what is imported and collected, then and later: it stays until the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


@pytest.fixture(autouse=True, scope="session")
def _cheap_parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    from tests.support.tools.cheap_parts import cheap_parts  # it loads the server

    with cheap_parts(tmp_path_factory.mktemp("tables")):
        yield


@pytest.fixture
def as_shipped() -> Iterator[None]:
    """Run what this process has of the server without the cheaper parts that most tests have."""
    from tests.support.tools.cheap_parts import parts_as_shipped

    with parts_as_shipped():
        yield


@pytest.fixture
def forked_programs() -> Iterator[None]:
    """Fork the programs of a stack from a process that has loaded their modules, for Python loads them for seconds."""
    from tests.support.tools.forked_programs import forked

    with forked():
        yield


@pytest.fixture
def forked_commands() -> Iterator[None]:
    """Fork all of them but servers."""
    from tests.support.tools.forked_programs import forked

    with forked(servers=False):
        yield


@pytest.fixture(autouse=True)
def _bounded_memory() -> Iterator[None]:
    """Fail a test during which this process grew by more than 1 GB; what it kept of earlier tests does not count."""
    forget_peak()
    before = held_bytes()
    yield
    assert peak_bytes() - before < MAX_GROWTH_BYTES


@pytest.fixture(scope="session")
def _memory_left() -> list[int]:
    """How many bytes this process had when memory was last given back."""
    return [0]


@pytest.fixture(autouse=True, scope="module")
def _memory_given_back(_memory_left: list[int]) -> Iterator[None]:
    """Give back what modules' threads have left free in their arenas: glibc keeps it, up to 100 MB a module."""
    yield
    if held_bytes() < _memory_left[0] + MAX_LEFT_BYTES:
        return  # to look for it after each module takes a tenth of all the time
    gc.collect()
    gc.freeze()  # what is left of it stays until the end too
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)
    _memory_left[0] = held_bytes()


@pytest.fixture(autouse=True)
def _logs_of_its_own() -> Iterator[None]:
    """Undo what a command that ran in this process did to the logs: its standard error is closed by now."""
    yield
    _log_where_pytest_captures()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a PostgreSQL server on which databases can be created; skips where there is none."""
    own = tmp_path_factory.getbasetemp()
    return shared_postgres(own.parent if "PYTEST_XDIST_WORKER" in os.environ else own)


@pytest.fixture(scope="session")
def _postgres_databases(postgres: str) -> Iterator[EmptiedDatabases]:
    from tests.support.tools.emptied_databases import EmptiedDatabases  # it loads the storage

    with closing(EmptiedDatabases(postgres)) as databases:
        yield databases


@pytest.fixture
def postgres_database(_postgres_databases: EmptiedDatabases) -> Iterator[str]:
    """The address of a database there with the server's tables and nothing in them."""
    with _postgres_databases.one() as address:
        yield address


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show how each test failed that was tried again: it passed then, or stands among the failures too."""
    for report in terminalreporter.stats.get("rerun", []):
        terminalreporter.section(f"failed at first: {report.nodeid}", yellow=True)
        report.toterminal(terminalreporter._tw)


class _LogWatch:
    """Keeps what was found where."""

    def __init__(self) -> None:
        self._findings: dict[str, list[str]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Look at what a test logged in its process, or in one whose errors go where those do."""
        self._look(report.nodeid, "\n".join(text for _, text in report.sections))

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Look at the log files, and let the run fail when anything was found."""
        folder = session.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]  # a worker's are below it
        for path in sorted(folder.rglob("*.log")):
            self._look(str(path.relative_to(folder)), path.read_text(errors="replace"))
        if self._findings and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Tell what was found."""
        if self._findings:
            terminalreporter.section("personal data in logs", red=True)
            for place, lines in self._findings.items():
                terminalreporter.line("\n    ".join([place, *lines]))

    def _look(self, place: str, text: str) -> None:
        if lines := personal_data(text):
            self._findings[place] = lines


class _Durations:
    """Keeps how long each test took with its fixtures, all tries together."""

    def __init__(self) -> None:
        self._seconds = defaultdict[str, float](float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add a part of a test."""
        self._seconds[report.nodeid] += report.duration

    def pytest_sessionfinish(self) -> None:
        """Write them."""
        durations.keep({test: round(seconds, 3) for test, seconds in self._seconds.items()})

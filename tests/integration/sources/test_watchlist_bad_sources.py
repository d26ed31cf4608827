"""What a source gives wrongly is refused with its key, the rest is imported, and the old state stays until a good one.

Each case goes from the simulated application, or from real files, through the importer into a database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cekalwatch.contract.values.imports import RecordReport
from cekalwatch.contract.values.watchlist import ImportOutcome, PhotoOutcome
from cekalwatch.server.domain.orders.law_table import Law
from cekalwatch.server.foundation.errors import Code
from cekalwatch.server.recognition.enrolment import Enroller
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from cekalwatch.server.watchlist.imports.import_run import ImportRun
from cekalwatch.server.watchlist.imports.importer import WatchlistImporter
from cekalwatch.server.watchlist.sources.source import OfferedOrder, RefusedRow, SourceUnavailable, WatchlistSource
from deploy.simulator.faults import SimulatedFault
from deploy.simulator.web import Simulator
from tests.support.builders.audit import OFFICER
from tests.support.builders.keys import keyring
from tests.support.builders.portraits import astronaut, encoded
from tests.support.builders.watchlist import WIB, FixedClock, alone
from tests.support.fakes.simulated_application import simulated, source_of, with_photograph
from tests.support.scenarios.server import engine
from tests.support.scenarios.watchlist_sources import FolderForm, SpreadsheetForm, facts
from tests.support.tools.importing import enrolling_threads, import_one

Import = Callable[[WatchlistSource], dict[str, RecordReport]]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[WatchlistStore]:
    with closing(Database(f"sqlite:///{tmp_path / 'own.sqlite3'}")) as database:
        database.upgrade()
        yield WatchlistStore(database, keyring(database))


@pytest.fixture
def import_all(store: WatchlistStore) -> Import:
    """Import everything that a source gives, and return the reports by key."""
    clock = FixedClock()
    recogniser = engine().recogniser
    lookalikes = alone(recogniser.model_version, recogniser.size)
    enroller = Enroller(engine().detector, recogniser)
    importer = WatchlistImporter(store, enroller, clock, WIB, Law(), lookalikes)

    def run(source: WatchlistSource) -> dict[str, RecordReport]:
        reports = {}
        importing = ImportRun(importer, store, AuditStore(store._database), clock, OFFICER, enrolling_threads())
        for page in source.read("").pages:
            for item in page.items:
                match item:
                    case OfferedOrder():
                        reports[item.order_id] = import_one(importing, item.load())
                    case RefusedRow(report=report):
                        reports[report.order_id] = importing.refused(report)
        return reports

    return run


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with simulated() as one:
        yield one


def reason_of(store: WatchlistStore, number: int) -> str:
    """What the database holds as the reason of an order."""
    (order,) = store.get_subject(f"S-C-{number}").orders
    return order.reason


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault",
    [
        SimulatedFault.WRONG_TYPES,
        SimulatedFault.DUPLICATE_NAMES,
        SimulatedFault.WINDOWS_1252,
        SimulatedFault.REPLACED_LETTERS,
    ],
)
def test_a_spoilt_record_leaves_the_old_state_until_a_good_one_comes(
    simulator: Simulator, import_all: Import, store: WatchlistStore, fault: SimulatedFault
) -> None:
    with source_of(simulator) as source:
        import_all(source)
        for number in (1, 2):
            simulator.book.change(f"C-{number}", reason="baru")
        simulator.faults.set([fault])
        reports = import_all(source)
        assert (reports["C-1"].outcome, reports["C-1"].reason) == (ImportOutcome.REFUSED, Code.RECORD_INVALID)
        assert reports["C-1"].field
        assert (reports["C-2"].outcome, reports["C-3"].outcome) == (ImportOutcome.STORED, ImportOutcome.UNCHANGED)
        assert [reason_of(store, number) for number in (1, 2)] == ["penyidikan", "baru"]
        simulator.faults.set()
        assert import_all(source)["C-1"].outcome is ImportOutcome.STORED
        assert reason_of(store, 1) == "baru"


def test_a_key_that_comes_twice_counts_once(simulator: Simulator, import_all: Import, store: WatchlistStore) -> None:
    simulator.faults.set([SimulatedFault.DUPLICATE_KEYS])
    with source_of(simulator) as source:
        reports = import_all(source)
    assert (reports["C-1"].outcome, reports["C-1"].field) == (ImportOutcome.REFUSED, "order_id")
    assert reason_of(store, 1) == "penyidikan"


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault",
    [
        SimulatedFault.HALF_PAGE,
        SimulatedFault.RESET,
        SimulatedFault.UNAVAILABLE,
        SimulatedFault.NO_JSON,
        SimulatedFault.UTF_16,
    ],
)
def test_what_came_before_a_breakdown_is_kept_and_nothing_else_is_touched(
    simulator: Simulator, import_all: Import, store: WatchlistStore, fault: SimulatedFault
) -> None:
    with source_of(simulator, page_size=1) as source:
        import_all(source)
        simulator.book.change("C-1", reason="baru")
        simulator.faults.set([fault])
        with pytest.raises(SourceUnavailable):
            import_all(source)
        assert reason_of(store, 1) == "penyidikan"
        simulator.faults.set()
        assert import_all(source)["C-1"].outcome is ImportOutcome.STORED


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (SimulatedFault.HUGE_PHOTOGRAPH, Code.PHOTO_TOO_LARGE),
        (SimulatedFault.HUGE_PHOTOGRAPH_UNTOLD, Code.PHOTO_TOO_LARGE),
        (SimulatedFault.LOST_PHOTOGRAPH, Code.PHOTO_MISSING),
    ],
)
def test_a_spoilt_photograph_refuses_neither_its_order_nor_the_face_that_is_held(
    simulator: Simulator, import_all: Import, store: WatchlistStore, fault: SimulatedFault, reason: Code
) -> None:
    with_photograph(simulator, "C-1", encoded(astronaut()))
    with source_of(simulator) as source:
        assert import_all(source)["C-1"].photos[0].outcome is PhotoOutcome.ENROLLED
        simulator.faults.set([fault])
        simulator.book.change("C-1", reason="baru")
        report = import_all(source)["C-1"]
    assert (report.outcome, report.photos[0].outcome) == (ImportOutcome.STORED, PhotoOutcome.REFUSED)
    assert report.photos[0].reason is reason
    assert len(store.get_subject("S-C-1").references) == 1


@pytest.mark.parametrize("form_of", [FolderForm, SpreadsheetForm])
def test_a_spoilt_row_of_a_file_leaves_the_old_state(
    tmp_path: Path,
    import_all: Import,
    store: WatchlistStore,
    form_of: Callable[[Path], FolderForm | SpreadsheetForm],
) -> None:
    form = form_of(tmp_path)
    with closing(form.source()) as source:
        form.put(facts("C-1"), facts("C-2"))
        import_all(source)
        form.put(facts("C-1", requesting_agency="KPK", nik="12"), facts("C-2", requesting_agency="KPK"))
        reports = import_all(source)
        assert (reports["C-1"].outcome, reports["C-1"].field) == (ImportOutcome.REFUSED, "nik")
        held = [store.get_subject(f"S-C-{number}").orders[0].requesting_agency for number in (1, 2)]
        assert held == ["Kejaksaan Agung", "KPK"]
        form.put(facts("C-1", requesting_agency="KPK"), facts("C-2", requesting_agency="KPK"))
        assert import_all(source)["C-1"].outcome is ImportOutcome.STORED

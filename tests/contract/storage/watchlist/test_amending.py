"""Single orders are removed from either database with their subject's counts, and nothing else goes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cekalwatch.contract.values.orders import RevocationGround
from cekalwatch.contract.values.people import PersonRole, TwoPersonAction
from cekalwatch.contract.values.watchlist import AmendmentReason
from cekalwatch.server.audit.entry import Action
from cekalwatch.server.domain.people import TwoPeople
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.integrity.scan import RowScan
from cekalwatch.server.storage.sync.tables import SyncOrderRow
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from cekalwatch.server.watchlist.amendments import Amendment, OrderAmender
from tests.support.builders.audit import entry
from tests.support.builders.keys import keyring
from tests.support.builders.watchlist import WIB, FixedClock, order, reference, subject
from tests.support.scenarios.people import ADMINISTRATION, person

NOTE = entry(1, action=Action.ORDER_AMENDED)


pytestmark = pytest.mark.both_databases


@pytest.fixture
def watchlist(database: Database) -> WatchlistStore:
    watchlist = WatchlistStore(database, keyring(database))
    watchlist.put(subject("S-1"), order("O-1", subject_id="S-1"), [reference(b"a face")])
    watchlist.put(subject("S-1"), order("O-2", subject_id="S-1"))
    watchlist.put(subject("S-2"), order("O-3", subject_id="S-2"))
    return watchlist


def missed(database: Database) -> list[object]:
    guard = database.guard
    assert guard
    return list(RowScan(database, guard).missed())


def test_an_order_is_removed_and_its_subject_with_the_last(database: Database, watchlist: WatchlistStore) -> None:
    content = watchlist.content_of(["O-1", "O-2"])
    version = watchlist.version()
    watchlist.amendments.remove("S-1", "O-1", content["O-1"], lambda gone: [NOTE] if gone is None else [])
    assert [one.order_id for one in watchlist.get_subject("S-1").orders] == ["O-2"]
    assert len(watchlist.get_subject("S-1").references) == 1
    assert "S-1" in watchlist.changed_since(version)
    assert missed(database) == [], "the counts of the list follow"
    watchlist.amendments.remove("S-1", "O-2", content["O-2"], lambda gone: [NOTE] if gone else [])
    assert watchlist.held(["S-1", "S-2"]) == ["S-2"]
    assert missed(database) == []
    assert [link.action for link in AuditStore(database).links()].count(Action.ORDER_AMENDED) == 2


@pytest.mark.parametrize(("key", "order_id"), [("S-1", "O-3"), ("S-2", "O-1"), ("S-1", "O-9")])
def test_an_order_of_another_subject_or_content_stays(watchlist: WatchlistStore, key: str, order_id: str) -> None:
    for content in (watchlist.content_of([order_id]).get(order_id, ""), "other"):
        with pytest.raises(CekalwatchError) as caught:
            watchlist.amendments.remove(key, order_id, content, lambda _: [NOTE])
        assert caught.value.code == Code.ORDER_CHANGED
    assert len(watchlist.content_of(["O-1", "O-2", "O-3"])) == 3


def test_two_people_amend_no_order_that_a_source_keeps(database: Database, watchlist: WatchlistStore) -> None:
    """The next synchronisation would undo it, and until then an order in force would be silent."""
    with database.session() as session:
        session.add(SyncOrderRow(order_id="O-1", fingerprint="f", seen_reading=1, gone=False, problem=""))
        session.commit()
    amender = OrderAmender(watchlist, FixedClock(), WIB, "folder")
    people = TwoPeople(
        TwoPersonAction.AMEND_ORDER, person("lina", PersonRole.LIST_MANAGER), person("sari", PersonRole.SUPERVISOR)
    )

    def amendment(order_id: str) -> Amendment:
        mark = next(one.mark for one in amender.keeping("S-1") if one.order_id == order_id)
        return Amendment("S-1", order_id, mark, AmendmentReason.OTHER, people, ADMINISTRATION)

    assert [(one.order_id, one.source) for one in amender.keeping("S-1")] == [("O-2", ""), ("O-1", "folder")]
    kept = amendment("O-1")
    acts: tuple[Callable[[], object], ...] = (
        lambda: amender.end(kept, RevocationGround.AGENCY, ""),
        lambda: amender.erase(kept),
        lambda: amender.correct(kept, ()),
    )
    for act in acts:
        with pytest.raises(CekalwatchError) as caught:
            act()
        assert (caught.value.code, caught.value.told) == (Code.ORDER_OF_SOURCE, {"detail": "folder"})
    amender.end(amendment("O-2"), RevocationGround.AGENCY, "")
    assert [bool(one.revoked_at) for one in watchlist.get_subject("S-1").orders] == [True, False]

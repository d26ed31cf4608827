"""What the store of the law's rows promises, on every kind of database; and that what judges orders follows it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
import sqlalchemy

from cekalwatch.contract.values.law import LawRow
from cekalwatch.contract.values.orders import OrderKind
from cekalwatch.contract.values.people import PersonRole, TwoPersonAction
from cekalwatch.server.audit.entry import Action, Actor, ActorKind
from cekalwatch.server.domain.checkpoints import LegalParameters
from cekalwatch.server.domain.orders.ban_order import WIB
from cekalwatch.server.domain.orders.law import Checkpoints
from cekalwatch.server.domain.orders.law_table import SHIPPED, Law
from cekalwatch.server.domain.people import TwoPeople
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.watchlist.law import LawStore
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from cekalwatch.server.watchlist.law_follower import LawFollower
from cekalwatch.server.watchlist.law_register import LawRegister
from tests.support.builders.audit import entry
from tests.support.builders.keys import keyring
from tests.support.builders.watchlist import FixedClock, order, reference, subject
from tests.support.scenarios.people import person

NOTE = entry(1, action=Action.LAW_ROW_ADDED)
BOTH = TwoPeople(
    TwoPersonAction.CHANGE_LAW, person("lina", PersonRole.LIST_MANAGER), person("sari", PersonRole.SUPERVISOR)
)
SERVER = Actor(ActorKind.SERVER, "server-a")
NEW: LawRow = replace(
    SHIPPED.row(OrderKind.CEGAH, date(2026, 6, 1)), holds_from=date(2027, 1, 1), article="UU Contoh", term_months=3
)


@pytest.fixture
def store(database: Database) -> LawStore:
    keyring(database)
    return LawStore(database)


def test_the_shipped_table_is_there_from_the_start(store: LawStore) -> None:
    assert store.read() == SHIPPED


@pytest.mark.both_databases
def test_a_row_is_added_and_replaced_and_each_server_learns_of_it(database: Database, store: LawStore) -> None:
    watchlist = WatchlistStore(database, keyring(database))
    version = watchlist.version()
    store.add(NEW, NOTE)
    other = LawStore(database)
    assert other.read().row(OrderKind.CEGAH, date(2027, 1, 1)) == NEW
    assert other.read().row(OrderKind.CEGAH, date(2026, 12, 31)) == SHIPPED.rows[2]
    confirmed = NEW.confirmed("Contoh, S.H.")
    store.add(confirmed, NOTE)
    assert other.read().rows[3] == confirmed
    assert watchlist.version() == version + 2
    assert [link.action for link in AuditStore(database).links()].count(Action.LAW_ROW_ADDED) == 2


def test_a_row_that_somebody_changed_in_the_database_counts_as_not_added(database: Database, store: LawStore) -> None:
    store.add(NEW, NOTE)
    with database.session() as session:
        session.connection().execute(sqlalchemy.text("UPDATE law_row SET holds_from = '2020-01-01'"))
        session.commit()
    assert store.read() == SHIPPED


def test_two_people_add_a_row_and_every_servers_law_follows(database: Database) -> None:
    keys = keyring(database)
    watchlist, store = WatchlistStore(database, keys), LawStore(database)
    watchlist.put(subject("S-1"), order("O-1", subject_id="S-1"), [reference(b"S-1", direction=1)])
    zones = {"batam-center": WIB}
    here, there = Checkpoints(Law(), zones), Checkpoints(Law(), zones)
    followers = [
        LawFollower(one, watchlist.version, lambda: Law.of(LegalParameters(), store.read())) for one in (here, there)
    ]
    for one in followers:
        one.follow()
    register = LawRegister(store, watchlist, here, "batam-center", FixedClock(), followers[0].follow)
    found = register.preview(NEW)
    assert (found.orders, found.changed) == (1, 0)
    assert here.law.table == SHIPPED
    register.add(NEW, BOTH, SERVER)
    assert here.law.table.row(OrderKind.CEGAH, date(2027, 1, 1)) == NEW
    assert there.law.table == SHIPPED
    followers[1].follow()
    assert there.law == here.law
    (link,) = [one for one in AuditStore(database).links() if one.action == Action.LAW_ROW_ADDED]
    assert str(BOTH.first.person_id) in link.objects
    assert '"holds_from":"2027-01-01"' in link.details


@pytest.mark.both_databases
def test_a_centres_law_takes_the_place_of_this_one_once(database: Database) -> None:
    watchlist, store = WatchlistStore(database, keyring(database)), LawStore(database)
    held = order("O-1", subject_id="S-1")
    watchlist.put(subject("S-1"), held)
    store.add(replace(NEW, holds_from=date(2028, 1, 1)), NOTE)
    here = Checkpoints(Law(table=store.read()), {"batam-center": WIB})
    register = LawRegister(store, watchlist, here, "batam-center", FixedClock(), of_centre=True)
    shorter = replace(SHIPPED.row(OrderKind.CEGAH, held.decided_on), term_months=1)
    centre = Actor(ActorKind.CENTRE, "centre:8443")
    for _ in range(2):
        register.take_over((*SHIPPED.rows, shorter, NEW), centre)
    assert store.read() == SHIPPED.with_row(shorter).with_row(NEW)
    (link,) = [one for one in AuditStore(database).links() if one.action == Action.LAW_TAKEN_OVER]
    assert '"orders_changed":1' in link.details
    with pytest.raises(CekalwatchError) as caught:
        register.add(NEW, BOTH, SERVER)
    assert caught.value.code is Code.KEPT_BY_CENTRE


def test_people_who_may_do_something_else_add_nothing(database: Database) -> None:
    watchlist = WatchlistStore(database, keyring(database))
    checkpoints = Checkpoints(Law(), {"batam-center": WIB})
    register = LawRegister(LawStore(database), watchlist, checkpoints, "batam-center", FixedClock())
    others = TwoPeople(TwoPersonAction.ACCEPT_SHRUNKEN_LIST, BOTH.first, BOTH.second)
    with pytest.raises(ValueError, match="ACCEPT_SHRUNKEN_LIST"):
        register.add(NEW, others, SERVER)
    with pytest.raises(CekalwatchError) as caught:
        register.add(replace(NEW, confirmed_by=" "), BOTH, SERVER)
    assert caught.value.code is Code.LAW_ROW_INVALID


def test_figures_of_the_settings_replace_those_of_shipped_rows_only() -> None:
    law = Law.of(LegalParameters(cegah_months=8), SHIPPED.with_row(NEW))
    assert law.table.row(OrderKind.CEGAH, date(2026, 6, 1)).term_months == 8
    assert law.table.row(OrderKind.CEGAH, date(2027, 6, 1)).term_months == 3

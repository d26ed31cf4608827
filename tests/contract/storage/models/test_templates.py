"""Which templates a gallery is given, on every kind of database."""

from __future__ import annotations

import numpy as np
import pytest

from cekalwatch.contract.values.orders import OrderKind
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.models.store import TemplateState
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from tests.support.builders.keys import keyring
from tests.support.builders.watchlist import SIZE, order, reference, subject
from tests.support.tools.stored_templates import stored_templates


@pytest.fixture
def store(database: Database) -> WatchlistStore:
    return WatchlistStore(database, keyring(database))


def test_all_templates_are_loaded(database: Database, store: WatchlistStore) -> None:
    store.put(subject("S-1"), order("O-1"), [reference(b"a", direction=1), reference(b"b", direction=2)])
    store.put(subject("S-2"), order("O-2", subject_id="S-2"), [reference(b"c", direction=3)])
    store.put(subject("S-2"), order("O-3", subject_id="S-2", kind=OrderKind.TANGKAL))
    held = stored_templates(database)
    axes = {row.argmax(): key for row, key in zip(held.templates, held.subject_ids, strict=True)}
    assert axes == {1: "S-1", 2: "S-1", 3: "S-2"}
    assert held.templates.dtype == np.float32
    assert (held.state, held.unusable_templates) == (TemplateState(store.version(), 0), 0)


def test_an_empty_watchlist_has_no_templates(database: Database) -> None:
    held = stored_templates(database)
    assert (held.templates.shape, held.state) == ((0, SIZE), TemplateState(0, 0))


@pytest.mark.both_databases
def test_templates_of_one_model_version_are_loaded_only(database: Database, store: WatchlistStore) -> None:
    store.put(subject(), order(), [reference(b"a"), reference(b"b", model_version="other")])
    held = stored_templates(database)
    assert (len(held.templates), held.unusable_templates, held.state.references_without_template) == (1, 0, 1)

"""The threshold follows the wanted FPIR and the list; settings go before that, and what two people set before all."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cekalwatch.contract.values.thresholds import ThresholdSource
from cekalwatch.server.domain.orders.law import Checkpoints
from cekalwatch.server.domain.orders.law_table import Law
from cekalwatch.server.gallery.order_terms import TermsReader
from cekalwatch.server.gallery.snapshot import SearchedModel, SnapshotHolder
from cekalwatch.server.gallery.threshold import ThresholdRule, ThresholdSetting
from cekalwatch.server.recognition.packs.threshold_models import INSIGHTFACE, LIGHT
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.models.threshold_store import ThresholdStore
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from tests.support.builders.keys import key_store, keyring
from tests.support.builders.watchlist import MODEL, SIZE, WIB, FixedClock, order, reference, subject
from tests.support.scenarios.people import ADMINISTRATION, TOGETHER, HandClock


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'test.sqlite3'}")
    database.upgrade()
    key_store(database)
    yield database
    database.close()


@pytest.fixture
def store(database: Database) -> ThresholdStore:
    return ThresholdStore(database)


def test_the_packs_threshold_rises_with_the_list_and_keeps_the_fpir(store: ThresholdStore):
    rule = ThresholdRule(store, MODEL, LIGHT, 1e-3, None)
    found = [rule.now(templates) for templates in (100, 1_000, 10_000)]
    assert all(one.value < other.value for one, other in itertools.pairwise(found))
    assert [one.expected_fpir for one in found] == pytest.approx([1e-3] * 3, rel=1e-6)
    assert {one.source for one in found} == {ThresholdSource.PACK}


def test_a_pack_says_between_which_scores_the_threshold_for_its_promise_lies(store: ThresholdStore):
    sure = ThresholdRule(store, MODEL, replace(LIGHT, pairs=50), 1e-4, None).now(1_000)
    assert sure.promise.low < sure.value < sure.promise.high
    unsure = ThresholdRule(store, MODEL, replace(LIGHT, pairs=0), 1e-4, None).now(1_000)
    assert (unsure.promise.low, unsure.promise.high) == (0, 0)
    assert unsure.value == sure.value


def test_a_lower_fpir_wants_a_higher_threshold(store: ThresholdStore):
    low, high = (ThresholdRule(store, MODEL, LIGHT, fpir, None).now(1_000).value for fpir in (1e-3, 1e-4))
    assert high > low


def test_what_goes_beyond_the_measurements_is_said(store: ThresholdStore):
    rule = ThresholdRule(store, MODEL, LIGHT, 1e-3, None)
    assert not rule.now(100).extrapolated
    assert rule.now(100_000).extrapolated
    assert ThresholdRule(store, MODEL, INSIGHTFACE, 1e-2, None).now(10).extrapolated, "never measured with that pack"


def test_a_threshold_in_the_settings_stays_and_its_fpir_is_told(store: ThresholdStore):
    rule = ThresholdRule(store, MODEL, LIGHT, 1e-3, 0.5)
    small, large = rule.now(100), rule.now(10_000)
    assert small.value == large.value == 0.5
    assert small.source is ThresholdSource.SETTINGS
    assert large.expected_fpir == pytest.approx(100 * small.expected_fpir, rel=0.1)


def test_the_server_raises_its_threshold_when_the_list_grows(database: Database, store: ThresholdStore):
    watchlist = WatchlistStore(database, keyring(database))
    # As if the model had been fitted on a list of two.
    rule = ThresholdRule(store, MODEL, replace(LIGHT, list_size=2), 1e-2, None)
    terms = TermsReader(watchlist, Checkpoints(Law(), {"batam-center": WIB}))
    holder = SnapshotHolder(watchlist.templates, terms, FixedClock(), SearchedModel(MODEL, SIZE, rule.now))
    seen = [holder.current.threshold]
    for number in range(1, 7):
        photographs = [reference(bytes([number]), template=np.eye(SIZE, dtype=np.float32)[number])]
        watchlist.put(subject(f"S-{number}"), order(f"O-{number}", subject_id=f"S-{number}"), photographs)
        assert holder.follow()
        assert len(holder.current.gallery) == number
        seen.append(holder.current.threshold)
    assert seen[0] == seen[1], "an empty list and a list of one"
    assert all(one < other for one, other in itertools.pairwise(seen[2:]))
    assert holder.current.decision.expected_fpir == pytest.approx(1e-2, rel=1e-6)


def test_what_people_set_goes_before_settings_and_pack_until_they_take_it_back(store: ThresholdStore):
    rules = [ThresholdRule(store, MODEL, LIGHT, 1e-3, configured) for configured in (None, 0.5)]
    before = [rule.now(400) for rule in rules]
    setting = ThresholdSetting(store, HandClock(), lambda: MODEL)
    setting.set(0.55, TOGETHER, ADMINISTRATION)
    for rule in rules:
        assert (rule.now(400).value, rule.now(400).source) == (0.55, ThresholdSource.PEOPLE)
        assert rule.now(400).expected_fpir == pytest.approx(LIGHT.fpir(400, 0.55))
    setting.set(None, TOGETHER, ADMINISTRATION)
    assert [rule.now(400) for rule in rules] == before

"""Two people set the decision threshold, within bounds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cekalwatch.contract.values.people import PersonRole, TwoPersonAction
from cekalwatch.server.domain.people import TwoPeople
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.gallery.threshold import MAX_THRESHOLD, MIN_THRESHOLD, ThresholdSetting
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.models.threshold_store import ThresholdStore
from tests.support.builders.keys import key_store
from tests.support.builders.watchlist import MODEL
from tests.support.scenarios.people import ADMINISTRATION, TOGETHER, HandClock, person


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ThresholdStore]:
    database = Database(f"sqlite:///{tmp_path / 'test.sqlite3'}")
    database.upgrade()
    key_store(database)
    yield ThresholdStore(database)
    database.close()


@pytest.mark.parametrize("value", [MIN_THRESHOLD, MAX_THRESHOLD])
def test_the_bounds_are_allowed(store: ThresholdStore, value: float):
    ThresholdSetting(store, HandClock(), lambda: MODEL).set(value, TOGETHER, ADMINISTRATION)
    assert store.get(MODEL) == value


@pytest.mark.slow
@pytest.mark.parametrize(
    "value", [MIN_THRESHOLD - 1e-6, MAX_THRESHOLD + 1e-6, float("nan"), float("inf"), float("-inf")]
)
def test_beyond_them_nothing_is_changed(store: ThresholdStore, value: float):
    with pytest.raises(CekalwatchError) as refused:
        ThresholdSetting(store, HandClock(), lambda: MODEL).set(value, TOGETHER, ADMINISTRATION)
    assert refused.value.code is Code.ARGUMENT_INVALID
    assert store.get(MODEL) is None


def test_two_people_who_came_for_something_else_do_not_set_it(store: ThresholdStore):
    others = TwoPeople(
        TwoPersonAction.CONFIRM_ALERT, person("budi", PersonRole.OFFICER), person("sari", PersonRole.SUPERVISOR)
    )
    with pytest.raises(ValueError, match="CONFIRM_ALERT"):
        ThresholdSetting(store, HandClock(), lambda: MODEL).set(0.5, others, ADMINISTRATION)
    assert store.get(MODEL) is None


def test_a_threshold_is_for_the_model_it_was_set_for(store: ThresholdStore):
    """Scores of another model mean something else: after a change of the model, its own threshold counts."""
    ThresholdSetting(store, HandClock(), lambda: MODEL).set(0.5, TOGETHER, ADMINISTRATION)
    assert store.get("other") is None
    assert store.get(MODEL) == 0.5

"""Judgements of look-alikes, as tests make them."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from cekalwatch.contract.values.watchlist import LookalikeJudgement
from cekalwatch.server.audit.entry import Action
from cekalwatch.server.domain.lookalikes import SubjectPair
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from tests.support.builders.audit import entry

LINA = UUID("00000000-0000-7000-8000-000000000001")
NOON = datetime(2026, 3, 1, 5, tzinfo=UTC)


def judge(
    store: WatchlistStore,
    pair: SubjectPair,
    judgement: LookalikeJudgement = LookalikeJudgement.DIFFERENT_PEOPLE,
    mark: str | None = None,
) -> None:
    """Judge a pair as it stands, or as it stood at `mark`."""
    found = store.lookalikes.states([pair])[pair].mark if mark is None else mark
    store.lookalikes.judge(pair, judgement, LINA, NOON, found, entry(1, action=Action.LOOKALIKES_JUDGED))

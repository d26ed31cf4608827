"""Look-alikes on the list: all pairs, those of one subject, and the judgements of list managers.

The calls that read record what they return; a judgement is recorded in its own transaction. Methods block.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from cekalwatch.contract.values.watchlist import Lookalike, LookalikeJudgement, LookalikePair
from cekalwatch.server.audit.entry import Action, Actor, AuditEntry, ObjectKind
from cekalwatch.server.domain.lookalikes import JudgedPair, PairState, SubjectPair
from cekalwatch.server.domain.people import Person
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.gallery.lookalikes import LookalikeFinder, LookalikePairs
from cekalwatch.server.storage.people.store import PeopleStore
from cekalwatch.server.storage.watchlist.store import WatchlistStore


@dataclass(frozen=True)
class FoundLookalikes:
    """Pairs, the most alike first."""

    pairs: tuple[LookalikePair, ...]
    more: bool
    """Whether there are more after these."""
    waiting: int
    """Subjects that are still to be compared with the list."""


Place = tuple[float, SubjectPair]
"""Where a page begins: after the pair with this likeness (-1 where none is known)."""


@dataclass(frozen=True, eq=False)
class LookalikeReview:
    """Reads look-alikes, and stores their judgements."""

    store: WatchlistStore
    people: PeopleStore
    finder: LookalikeFinder
    pairs: LookalikePairs
    clock: Clock

    def of_subject(self, subject_id: str, others: Collection[str]) -> list[Lookalike]:
        """Return the relations of `others`, and of subjects judged together with a subject, to it, by key."""
        judged = {one.pair.other(subject_id) for one in self.store.lookalikes.of([subject_id])}
        likeness = self.finder.likeness(self.store, subject_id, judged | set(others))
        pairs = [SubjectPair.of(subject_id, key) for key in sorted(judged | set(others))]
        found = self._read({pair: likeness.get(pair.other(subject_id)) for pair in pairs})
        return [replace(one, subject_id=pair.other(subject_id)) for pair, one in found.items()]

    def page(self, judgement: LookalikeJudgement | None, after: Place | None, most: int) -> FoundLookalikes:
        """Return the first pairs after a position with this judgement; None means any.

        They include judged pairs while both subjects are stored, even if they are no longer alike.
        """
        found = self.pairs.found()
        judged = {one.pair: one for one in self.store.lookalikes.everything()}
        places = sorted((-found.likeness.get(pair, -1.0), pair) for pair in {*found.likeness, *judged})
        wanted = [
            pair
            for place, pair in places
            if (after is None or (place, pair) > (-after[0], after[1]))
            and (judgement is None or _holds(judged.get(pair)) is judgement)
        ]
        files = {
            file.subject.subject_id: file.subject
            for file in self.store.orders_of({key for pair in wanted[:most] for key in (pair.first, pair.second)})
        }
        chosen = [pair for pair in wanted[:most] if pair.first in files and pair.second in files]
        read = self._read({pair: found.likeness.get(pair) for pair in chosen})
        pairs = tuple(LookalikePair(files[pair.first], files[pair.second], one) for pair, one in read.items())
        return FoundLookalikes(pairs, len(wanted) > most, found.waiting)

    def judge(
        self, pair: SubjectPair, judgement: LookalikeJudgement, mark: str, person: Person, actor: Actor
    ) -> Lookalike:
        """Store the judgement of `person` on a pair that they saw with this mark; return its new state.

        Raises SUBJECT_NOT_FOUND, LOOKALIKES_CHANGED, and NOT_LOOKALIKES for a pair that is not alike.
        """
        if judgement is not LookalikeJudgement.NOT_JUDGED and not self._alike(pair):
            raise CekalwatchError(Code.NOT_LOOKALIKES)
        now = self.clock.now()
        objects = tuple(map(ObjectKind.SUBJECT.key, (pair.first, pair.second)))
        entry = AuditEntry(now, actor, Action.LOOKALIKES_JUDGED, objects, judgement)
        self.store.lookalikes.judge(pair, judgement, person.person_id, now, mark, entry)
        likeness = self.finder.likeness(self.store, pair.first, [pair.second])
        return self._read({pair: likeness.get(pair.second)})[pair]

    def _alike(self, pair: SubjectPair) -> bool:
        found = self.finder.likeness(self.store, pair.first, [pair.second]).get(pair.second)
        return found is not None and self.finder.alike(found)

    def _read(self, likeness: dict[SubjectPair, float | None]) -> dict[SubjectPair, Lookalike]:
        """Return the relation of the second subject of each pair to the first."""
        states = self.store.lookalikes.states(likeness)
        names = self.people.display_names({str(one.judged.judged_by) for one in states.values() if one.judged})
        return {
            pair: shown(pair, states[pair], score, names, alike=score is not None and self.finder.alike(score))
            for pair, score in likeness.items()
        }


def shown(
    pair: SubjectPair, state: PairState, likeness: float | None, names: Mapping[str, str], *, alike: bool
) -> Lookalike:
    """Return the relation of the second subject of a pair to the first, as people see it."""
    judged = state.judged
    return Lookalike(
        subject_id=pair.second,
        likeness=likeness,
        alike=alike,
        judgement=state.judgement,
        last_judgement=judged.judgement if judged else None,
        judged_by=names.get(str(judged.judged_by), "") if judged else "",
        judged_at=judged.judged_at if judged else None,
        mark=state.mark,
    )


def _holds(judged: JudgedPair | None) -> LookalikeJudgement:
    return judged.judgement if judged and judged.holds else LookalikeJudgement.NOT_JUDGED

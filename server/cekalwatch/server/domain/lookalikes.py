"""Pairs of subjects with similar faces, who could be one person, and people's judgements on them.

A judgement decides nothing about who is searched, and merges nothing: it is told to those who look at the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Self
from uuid import UUID

from cekalwatch.contract.values.watchlist import LookalikeJudgement


@dataclass(frozen=True, order=True)
class SubjectPair:
    """Two subjects, by key; the smaller key is the first one."""

    first: str
    second: str

    @classmethod
    def of(cls, one: str, other: str) -> Self:
        """Return the pair of two subjects in any order; raises ValueError where they are one."""
        if one == other:
            raise ValueError("a pair of one subject")
        return cls(*sorted((one, other)))

    def __contains__(self, subject_id: str) -> bool:
        return subject_id in {self.first, self.second}

    def other(self, subject_id: str) -> str:
        """Return the other key of the pair."""
        return self.second if subject_id == self.first else self.first


@dataclass(frozen=True)
class JudgedPair:
    """A judgement on a pair."""

    pair: SubjectPair
    judgement: LookalikeJudgement
    """SAME_PERSON or DIFFERENT_PEOPLE."""
    judged_by: UUID
    judged_at: datetime
    holds: bool
    """Whether both have exactly the photographs that were viewed."""


@dataclass(frozen=True)
class PairState:
    """The state of a pair."""

    mark: str
    """Identifies the photographs of both and the last judgement: a judgement names the state that its person saw."""
    judged: JudgedPair | None
    """The last judgement, valid or not; None if there is none."""

    @property
    def judgement(self) -> LookalikeJudgement:
        """What holds now."""
        return self.judged.judgement if self.judged and self.judged.holds else LookalikeJudgement.NOT_JUDGED

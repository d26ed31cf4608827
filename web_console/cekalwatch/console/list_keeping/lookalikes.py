"""Subjects with such a face that they could be one person, as pages show them. Texts are safe to show."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cekalwatch.contract.values.subjects import Subject
from cekalwatch.contract.values.watchlist import LookalikeJudgement


@dataclass(frozen=True)
class Lookalike:
    """How another subject stands to one."""

    key: str
    """Of the other, by which to ask again."""
    likeness: float | None
    """Comparison score, -1 to 1; None where one has no template of the model in use."""
    alike: bool
    """Whether that is enough to take one for the other."""
    judgement: LookalikeJudgement
    """What holds now."""
    last_judgement: LookalikeJudgement | None
    """What was found last, also of other photographs; None where nobody has judged the two."""
    judged_by: str
    judged_at: datetime | None
    mark: str
    """Stands for what is to be seen before the two are judged."""


@dataclass(frozen=True)
class LookalikePair:
    """Two subjects with such a face."""

    keys: tuple[str, str]
    """By which to ask again."""
    subjects: tuple[Subject, Subject]
    lookalike: Lookalike
    """How the second stands to the first."""


@dataclass(frozen=True)
class LookalikePage:
    """A page of pairs, the most alike first."""

    pairs: tuple[LookalikePair, ...]
    token: str
    """Of the next page; empty: there is none."""
    waiting: int
    """Subjects that the server has still to compare."""

"""One practice: which pair is asked about, what the person answered, and how many were right. Nothing is stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cekalwatch.contract.values.adjudication import Step
from cekalwatch.notifier.training.pairs import FacePair

ANSWERS = (Step.REFER, Step.NOT_SAME, Step.CANNOT_TELL)
"""What a person says of two faces, as at work: the same person, another one, or that it cannot be determined."""


@dataclass(frozen=True)
class PracticeScore:
    """How many pairs of one kind were asked about, and what was answered."""

    asked: int
    right: int
    undecided: int


class Practice:
    """The pairs of one practice, one after another."""

    def __init__(self, pairs: Sequence[FacePair]) -> None:
        self._pairs = pairs
        self._answers: list[Step] = []
        self._shown = 0

    @property
    def count(self) -> int:
        return len(self._pairs)

    @property
    def number(self) -> int:
        """Number of the pair that is shown, from 1."""
        return self._shown + 1

    @property
    def pair(self) -> FacePair | None:
        """The pair that is shown; None at the end."""
        return self._pairs[self._shown] if self._shown < self.count else None

    @property
    def answer(self) -> Step | None:
        """What was answered about it; None before that."""
        return self._answers[self._shown] if self._shown < len(self._answers) else None

    def take(self, answer: Step) -> None:
        """Take the answer about the pair that is shown; the first one counts."""
        if self.pair is not None and self.answer is None:
            self._answers.append(answer)

    def go_on(self) -> None:
        """Show the next pair, once there is an answer."""
        if self.answer is not None:
            self._shown += 1

    def score(self, *, same: bool) -> PracticeScore:
        """Return what was answered about pairs of one person, or of two."""
        answers = [answer for pair, answer in zip(self._pairs, self._answers, strict=False) if pair.same is same]
        right = Step.REFER if same else Step.NOT_SAME
        return PracticeScore(len(answers), answers.count(right), answers.count(Step.CANNOT_TELL))

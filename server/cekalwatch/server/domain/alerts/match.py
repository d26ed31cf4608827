"""A match of a capture's passage with subjects of the watchlist."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from cekalwatch.contract.values import alerts as values
from cekalwatch.server.domain.captures import Capture
from cekalwatch.server.domain.orders.ban_order import OrderContent


class Template(Protocol):
    """A face as numbers, of length 1. The inner product of two of one model version is their comparison score."""

    def __matmul__(self, other: Any, /) -> Any:  # noqa: ANN401  # any array type
        """Return the inner product."""


@dataclass(frozen=True)
class Told:
    """Digests of what the list tells of a candidate, to notice that it has changed; empty: not compared yet."""

    facts: str = ""
    """Of the subject and the orders that concern the alert, with their status."""
    photographs: str = ""
    orders: tuple[OrderContent, ...] = ()
    """All orders of the person."""


@dataclass(frozen=True, kw_only=True)
class Candidate(values.Candidate):
    """A subject near the probe; `score` is a cosine, or one compared with those of the list."""

    order_ids: tuple[str, ...] = ()
    """Of a match or an alert: the subject's orders that are in force and watched by the camera's direction."""
    lapsed: bool = False
    """Whether no order of the subject was in force at the last check."""
    disproved: bool = False
    """Whether it is ruled out because it is not this subject, or Cekal Online does not list them: a later passage with
    that face says nothing new of them."""
    unlisted: bool = False
    """Whether it is disproved only because Cekal Online did not list them: a new order of theirs may be listed."""
    told: Told = Told()
    """What the list told of them when it was compared last; of a match, the orders by which it alerts."""
    cosine: float | None = None
    """What the score was before it was compared with those of the list (docs/adr/0091); None: it was not."""

    @property
    def likeness(self) -> float:
        """How alike the two faces are by themselves, a cosine, -1 to 1."""
        return self.score if self.cosine is None else self.cosine

    def renewed_by(self, met: Candidate) -> bool:
        """Whether what Cekal Online did not list is no answer to `met`, the same subject with an order that is new."""
        if self.told.orders and met.told.orders:
            return self.unlisted and any(one.is_new_beside(self.told.orders) for one in met.told.orders)
        return self.unlisted and not set(met.order_ids) <= set(self.order_ids)


@dataclass(frozen=True, kw_only=True)
class Match(values.MatchFacts):
    """A capture whose passage matches a subject with an order in force; it becomes an alert, or joins one."""

    capture: Capture
    probe_jpeg: bytes = field(repr=False)
    """The crop in the server's encoding, which is stored and shown. The camera's own bytes are neither."""
    candidates: tuple[Candidate, ...]
    """Subjects above the threshold with an order in force here, best first; at least one."""
    fused_crops: int
    template: Template = field(repr=False, compare=False)
    """The passage's fused template, of length 1."""
    same_person: Callable[[float, float], bool] | None = field(default=None, compare=False)
    """Decides whether two passages are of one person, by the score between them and the best with a subject whom both
    match; None: nobody has measured this model, and none are."""

    @property
    def score(self) -> float:
        """The best candidate's comparison score."""
        return self.candidates[0].score

    def candidate(self, subject_id: str) -> Candidate | None:
        """Return the candidate of that key; None for any other subject."""
        return next((one for one in self.candidates if one.subject_id == subject_id), None)

    def score_of(self, subject_id: str) -> float | None:
        """Return a candidate's comparison score; None for any other subject."""
        met = self.candidate(subject_id)
        return None if met is None else met.score

    def is_like(self, model_version: str, template: Template, subject_score: float) -> bool:
        """Whether another passage, fused to `template`, is probably of the same person.

        `subject_score` is its best cosine with a subject whom both match: whichever came first may be the real one.
        """
        return self._same(model_version, template, max(self.candidates[0].likeness, subject_score))

    def is_another(self, template: Template) -> bool:
        """Whether this is another person than the one whose passage of the same track and model was fused to
        `template`."""
        return not self._same(self.model_version, template, self.candidates[0].likeness)

    def likeness_to(self, model_version: str, template: Template) -> float:
        """Return the score of this match's face with a passage fused to `template`; -1 for another model's."""
        return float(template @ self.template) if model_version == self.model_version else -1.0

    def _same(self, model_version: str, template: Template, subject_score: float) -> bool:
        if self.same_person is None or model_version != self.model_version:
            return False
        return self.same_person(float(template @ self.template), subject_score)

"""Decides which alert a match joins: domain rules 3 and 5. It gets the possible alerts, and knows no database.

A match joins an alert that is open, or that was cleared as somebody else less than an hour ago: that of its passage,
while the passage's face is stored and is not another person's; else one at its site, within the grouping window, whose
candidates it shares and of which it is like a passage. What Cekal Online did not list answers nothing once an order of
the subject is new. So an innocent traveller is stopped once, and the real person behind a look-alike gets an alert of
their own, as does whoever was let go for another reason, and whoever cannot be compared any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from cekalwatch.server.domain.alerts.alert import Alert
from cekalwatch.server.domain.alerts.match import Candidate, Match, Template

MAX_CANDIDATES = 10
"""Maximum candidates of an alert, over all its passages. A further candidate gets an alert of its own."""


@dataclass(frozen=True)
class AlertPassage:
    """A passage of an alert whose face is still stored: as long as others may join it."""

    passage: str
    model_version: str
    template: Template = field(repr=False, compare=False)
    """The fused template of its crops so far, of length 1."""


@dataclass(frozen=True)
class NearAlert:
    """An alert that a match may join."""

    alert: Alert
    passages: tuple[AlertPassage, ...]
    """Passages whose faces are stored."""

    def takes(self, match: Match, window: timedelta) -> bool:
        """Whether the match's passage is one of this alert's, or may become one."""
        if self.has(match):
            return True
        shared = [one.likeness for one in self.alert.candidates if self.answers(one, match)]
        return (
            bool(shared)
            and self.alert.camera.site == match.capture.camera.site
            and abs(match.capture.captured_at - self.alert.last_seen_at) <= window
            and any(match.is_like(one.model_version, one.template, max(shared)) for one in self.passages)
        )

    def answers(self, candidate: Candidate, match: Match) -> bool:
        """Whether the match, as a match with `candidate`, belongs to this alert."""
        met = match.candidate(candidate.subject_id)
        return met is not None and self.alert.answers(met, match.capture.captured_at)

    def has(self, match: Match) -> bool:
        """Whether the match's passage is in it: its face is stored, and the match is of that person.

        Of a model that nobody has measured the tracker decides, while the alert is open.
        """
        own = self._own(match)
        if own is None or own.model_version != match.model_version:
            return False
        return self.alert.open if match.same_person is None else not match.is_another(own.template)

    def likeness(self, match: Match) -> float:
        """Return the score of the match's face with the most similar stored one; -1 without one."""
        own = self._own(match)
        passages = (own,) if own else self.passages
        return max((match.likeness_to(one.model_version, one.template) for one in passages), default=-1.0)

    def _own(self, match: Match) -> AlertPassage | None:
        return next((one for one in self.passages if one.passage == match.capture.passage), None)


@dataclass(frozen=True)
class Placement:
    """The destination of a match: `alert`, with candidates that are new there, or, without one, a new alert of
    these."""

    alert: Alert | None
    new_candidates: tuple[Candidate, ...]
    further: bool = False
    """Whether the match's passage is new in the alert."""


def place(match: Match, near: Sequence[NearAlert], window: timedelta) -> Placement:
    """Return the destination of a match.

    Candidates that people have disproved for these passages are not asked about again. One that no alert of these
    passages answers is added to an undecided one, and otherwise alerts by itself.
    """
    related = sorted((one for one in near if one.takes(match, window)), key=lambda one: _preference(one, match))
    homes = {
        candidate.subject_id: next((one for one in related if one.answers(candidate, match)), None)
        for candidate in match.candidates
    }
    new = tuple(candidate for candidate in match.candidates if homes[candidate.subject_id] is None)
    if new:
        undecided = (one for one in related if one.alert.undecided)
        chosen = next((one for one in undecided if len(one.alert.candidates) + len(new) <= MAX_CANDIDATES), None)
    else:
        known = [home for candidate in match.candidates if (home := homes[candidate.subject_id])]
        chosen = next((one for one in known if one.alert.open), known[0])
    if chosen is None:
        return Placement(None, new)
    return Placement(chosen.alert, new, further=not chosen.has(match))


def _preference(near: NearAlert, match: Match) -> tuple[bool, float, bool, float]:
    """The alert of the same passage first, then the most alike one, an open one, the newest."""
    # Rounded, so that two crops of one face are as alike as they can be.
    likeness, last_seen = round(near.likeness(match), 2), near.alert.last_seen_at.timestamp()
    return not near.has(match), -likeness, not near.alert.open, -last_seen

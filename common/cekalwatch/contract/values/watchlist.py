"""The watchlist: results of orders and photographs, outcomes of a synchronisation, look-alikes;
and subjects as list managers look for them, at them, and at what happened to them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self

from annotated_types import MaxLen

from cekalwatch.contract.values.keys import Key
from cekalwatch.contract.values.orders import OrderKind, OrderState, OrderStatus, ShownOrder
from cekalwatch.contract.values.subjects import ReferenceFace, Subject


class ImportOutcome(StrEnum):
    """The outcome of an order."""

    STORED = "STORED"
    UNCHANGED = "UNCHANGED"
    REFUSED = "REFUSED"


class PhotoOutcome(StrEnum):
    """The outcome of a photograph."""

    ENROLLED = "ENROLLED"
    UNCHANGED = "UNCHANGED"
    REFUSED = "REFUSED"


class EnrolmentWarning(StrEnum):
    """Defects of a reference face that is still enrolled."""

    EYE_DISTANCE_BELOW_90 = "EYE_DISTANCE_BELOW_90"
    """Fewer pixels between the eyes than wanted."""
    EYE_DISTANCE_BELOW_45 = "EYE_DISTANCE_BELOW_45"
    """Fewer pixels between the eyes than a reference photograph should have at least; expect missed travellers."""
    NOT_FRONTAL = "NOT_FRONTAL"
    """The head is turned or nods by more than 25 degrees."""
    BLURRED = "BLURRED"
    """Sharpness below 0.15."""
    BADLY_LIT = "BADLY_LIT"
    """Mean luminance of the face below 0.2 or above 0.85."""
    FACE_UNCERTAIN = "FACE_UNCERTAIN"
    """The detector's score is below 0.7: something may cover the face."""
    PICTURE_TURNED = "PICTURE_TURNED"
    """The picture was on its side or upside down, and was rotated before the face was checked."""
    OTHER_FACES = "OTHER_FACES"
    """There are other faces, much smaller or cut by the picture's edge; the largest whole one was taken."""
    ALSO_UNDER = "ALSO_UNDER"
    """Another subject has a face so similar that it could be the same person's. Whoever knows the list says so; a
    photograph by itself does not."""


class SyncOutcome(StrEnum):
    """How a run ended."""

    RUNNING = "RUNNING"
    DONE = "DONE"
    """The watchlist is as the source has it, but for the records that were refused."""
    SHRUNK = "SHRUNK"
    """The source lost too many orders, so the server ended none; a person must check the source."""
    FAILED = "FAILED"
    """The run could not be completed; imported records stay."""
    BROKEN_OFF = "BROKEN_OFF"
    """The server stopped or crashed; the next run continues from there."""


class WatchlistProblem(StrEnum):
    """A problem of a subject for which list managers can search."""

    INVALID = "INVALID"
    """An order is flagged INVALID."""
    FLAGGED = "FLAGGED"
    """An order stays in force, but a person must check it."""
    NO_REFERENCE = "NO_REFERENCE"
    """The subject has no photograph, and cannot be recognised."""
    STALE_MODEL = "STALE_MODEL"
    """A photograph has no template of the model in use."""


class LookalikeJudgement(StrEnum):
    """The judgement of a list manager about two subjects with similar faces."""

    NOT_JUDGED = "NOT_JUDGED"
    """Nobody has judged the pair, or the photographs have changed since."""
    SAME_PERSON = "SAME_PERSON"
    """One person, who is listed twice. The source must join the two entries."""
    DIFFERENT_PEOPLE = "DIFFERENT_PEOPLE"
    """Two people who are easily mistaken for each other."""


@dataclass(frozen=True)
class SourceFreshness:
    """When the list was last brought up to date from one source, and whether that is longer ago than the limit."""

    source: str
    """Its name; empty: imports by hand."""
    last_success_at: datetime | None
    """None: never."""
    stale: bool


@dataclass(frozen=True)
class Freshness:
    """Age of the list, and number of subjects that it bans."""

    last_success_at: datetime | None
    """That of the source that was away for longest; None when one has never been there."""
    stale: bool
    """Whether any source is."""
    active_subjects: int
    sources: tuple[SourceFreshness, ...] = ()
    """Each for which a limit holds."""
    as_of: datetime | None = None
    """The server's time of this statement; None when missing."""
    unrecognisable_subjects: int = 0
    """Subjects with a present or future order who cannot be recognised: no face of theirs is searched."""

    @classmethod
    def of(cls, sources: Sequence[SourceFreshness], active_subjects: int, unrecognisable_subjects: int = 0) -> Self:
        """Return the freshness of a list from these sources, at least one."""
        moments = [one.last_success_at for one in sources]
        last = None if None in moments else min(moment for moment in moments if moment)
        return cls(
            last,
            any(one.stale for one in sources),
            active_subjects,
            tuple(sources),
            unrecognisable_subjects=unrecognisable_subjects,
        )

    @property
    def stale_sources(self) -> tuple[str, ...]:
        """Names of the sources that have been away for too long; imports by hand have none."""
        return tuple(one.source for one in self.sources if one.stale and one.source)

    @property
    def outdated(self) -> bool:
        """Whether people may be missing: the list is stale, or was never imported."""
        return self.stale or self.last_success_at is None


NEVER_FRESH = Freshness(None, stale=True, active_subjects=0)
"""Of a list that was never brought up to date."""


MAX_SEARCH_TEXT = 200


@dataclass(frozen=True)
class WatchlistFilter:
    """Conditions on subjects: a subject must meet all of them. One order must meet all conditions about orders."""

    status: OrderStatus | None = None
    kind: OrderKind | None = None
    agency: Annotated[str, MaxLen(MAX_SEARCH_TEXT)] = ""
    """Part of the requesting agency's name, in any case."""
    name: str = ""
    """Part of the name or of an alias, in any case."""
    subject_id: str = ""
    problem: WatchlistProblem | None = None
    text: Annotated[str, MaxLen(MAX_SEARCH_TEXT)] = ""
    """Part of the name, of an alias, of the ID of the subject or of an order, or of a decree's number, in any case."""

    @property
    def everything(self) -> bool:
        """Whether every subject meets it."""
        return self == WatchlistFilter()


@dataclass(frozen=True)
class Lookalike:
    """The relation of a subject to another one with a similar face."""

    subject_id: Key
    likeness: float | None
    """Comparison score, -1 to 1; None if one of them has no template of the model in use."""
    alike: bool
    """Whether that is enough to take one for the other."""
    judgement: LookalikeJudgement = LookalikeJudgement.NOT_JUDGED
    """What holds now."""
    last_judgement: LookalikeJudgement | None = None
    """The last judgement, even about other photographs; None if the two were never judged."""
    judged_by: str = ""
    """Name of the person who judged them; empty when nobody did, or the account was deleted."""
    judged_at: datetime | None = None
    mark: Key = ""
    """Identifies the data that a person must have seen before judging the two."""


@dataclass(frozen=True)
class LookalikePair:
    """Two subjects with such a face."""

    first: Subject
    second: Subject
    lookalike: Lookalike
    """Relation of the second to the first."""


@dataclass(frozen=True)
class LookalikePage:
    """A page of pairs, the most alike first."""

    pairs: tuple[LookalikePair, ...]
    next_page_token: Key
    """Empty: there is no next page."""
    waiting: int
    """Subjects that the server has still to compare."""


class AmendmentReason(StrEnum):
    """Why an order is corrected, ended or erased."""

    WRITTEN_WRONGLY = "WRITTEN_WRONGLY"
    AGENCY = "AGENCY"
    COURT = "COURT"
    WRONG_PERSON = "WRONG_PERSON"
    STORED_TWICE = "STORED_TWICE"
    OTHER = "OTHER"


@dataclass(frozen=True)
class OrderKeeping:
    """Who keeps an order."""

    order_id: Key
    source: str
    """The source that keeps it, and where it must be corrected; empty for a list that is kept here."""
    mark: str
    """Stands for what is stored of the order and its subject."""


@dataclass(frozen=True)
class ListedSubject:
    """A subject with its stored data."""

    subject: Subject
    orders: tuple[ShownOrder, ...]
    """Newest first."""
    references: tuple[ReferenceFace, ...]
    """Best first."""
    unsearched_references: frozenset[Key] = frozenset()
    """Those without a template of the model in use."""
    elsewhere: tuple[ShownOrder, ...] = ()
    """Orders of the same person under other keys."""
    lookalikes: tuple[Lookalike, ...] = ()
    """Other subjects with a similar face, and subjects that were judged with it; only of a single subject."""
    keeping: tuple[OrderKeeping, ...] = ()
    """Who keeps each order; only of a single subject."""
    photograph_refusals: tuple[str, ...] = ()
    """Of a subject without photographs: why those of its newest import were refused, codes of the error catalogue."""

    def kept(self, order_id: str) -> OrderKeeping | None:
        """Return who keeps an order; None if that is not known."""
        return next((one for one in self.keeping if one.order_id == order_id), None)


@dataclass(frozen=True)
class SubjectEvent:
    """Something that happened to a subject or one of its orders."""

    at: datetime
    action: str
    order_ids: tuple[Key, ...]
    outcome: str
    actor: str
    changed_fields: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class OrderStatusChange(OrderState):
    """A status of an order from a moment on."""

    order_id: Key
    at: datetime | None
    """None: its first status."""


@dataclass(frozen=True)
class SubjectTimeline:
    """History of a subject, oldest first, and the sequence of its orders' statuses."""

    events: tuple[SubjectEvent, ...]
    status_changes: tuple[OrderStatusChange, ...]

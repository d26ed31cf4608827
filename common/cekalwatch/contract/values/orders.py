"""Ban orders as people see them, and the direction of travel that each kind forbids."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from annotated_types import MaxLen

from cekalwatch.contract.values.keys import Key

MAX_REASON = 1000
MAX_REVOCATION_REFERENCE = 100


class Direction(StrEnum):
    """The direction of travel below a camera."""

    DEPARTURE = "DEPARTURE"
    ARRIVAL = "ARRIVAL"


class OrderKind(StrEnum):
    """Pencegahan (may not leave) or penangkalan (may not enter)."""

    CEGAH = "CEGAH"
    TANGKAL = "TANGKAL"


class OrderStatus(StrEnum):
    """The legal state of an order at one moment."""

    NOT_YET_VALID = "NOT_YET_VALID"
    ACTIVE = "ACTIVE"
    LAPSED = "LAPSED"
    REVOKED = "REVOKED"
    INVALID = "INVALID"


class OrderGround(StrEnum):
    """The ground of a TANGKAL order (UU 6/2011 as changed by UU 63/2024, art. 98 to 102)."""

    SECURITY_AND_PUBLIC_ORDER = "SECURITY_AND_PUBLIC_ORDER"
    """May disturb security and public order; art. 102 allows an order for life on it."""
    NATIONAL_INTEREST = "NATIONAL_INTEREST"
    IMMIGRATION = "IMMIGRATION"
    """Immigration supervision, or an administrative measure under immigration law."""
    CRIMINAL_PROCEEDINGS = "CRIMINAL_PROCEEDINGS"
    OTHER = "OTHER"


class PersonStatus(StrEnum):
    """What the subject is in the proceedings for which the ban was asked."""

    SUSPECT = "SUSPECT"
    """Tersangka."""
    DEFENDANT = "DEFENDANT"
    """Terdakwa."""
    CONVICT = "CONVICT"
    """Terpidana."""
    WITNESS = "WITNESS"
    """Saksi."""
    OTHER = "OTHER"


class RevocationGround(StrEnum):
    """Who or what took an order back."""

    AGENCY = "AGENCY"
    """Its agency."""
    COURT = "COURT"
    """A court annulled it (praperadilan)."""
    ACQUITTAL = "ACQUITTAL"
    """The subject was acquitted."""
    OTHER = "OTHER"
    WRONG_PERSON = "WRONG_PERSON"
    """It was about somebody else."""


class OrderRule(StrEnum):
    """A rule that an INVALID order breaks."""

    EXTENDED_TWICE = "EXTENDED_TWICE"
    """It extends an extension, or an order that another extension extends already."""
    EXTENSION_LATE = "EXTENSION_LATE"
    """The extension was decided or received too close to the end of the order that it extends."""
    EXTENSION_GAP = "EXTENSION_GAP"
    """The extension begins or was decided after the order that it extends had ended: there was nothing to extend."""
    EXTENDS_INVALID_ORDER = "EXTENDS_INVALID_ORDER"
    """It extends an order that breaks a rule itself."""
    URGENT_RESUBMITTED = "URGENT_RESUBMITTED"
    """The agency had sent an urgent order on the subject before, and no written decision lies between the two."""
    TANGKAL_ON_CITIZEN = "TANGKAL_ON_CITIZEN"
    """The nationality says citizen, who may never be refused entry."""
    TERM_TOO_LONG = "TERM_TOO_LONG"
    """Servers before 0.3 say so of an order that runs for more months than the law allows."""
    EXTENDS_UNKNOWN_ORDER = "EXTENDS_UNKNOWN_ORDER"
    """Servers before 0.3 say so of an extension of an order that they do not hold."""


class OrderEnd(StrEnum):
    """What ended an order that breaks no rule."""

    TERM_OVER = "TERM_OVER"
    """The last day that it states."""
    TERM_CAPPED = "TERM_CAPPED"
    """The longest term that the law allows, before the last day that it states."""
    UNDECIDED = "UNDECIDED"
    """The days within which it, or the urgent order that it follows without a decree, needed a written decision."""
    REVOKED = "REVOKED"
    """Its revocation."""
    BASE_REVOKED = "BASE_REVOKED"
    """The revocation of the order that it extends."""
    WITHDRAWN = "WITHDRAWN"
    """A synchronisation that no longer found it in its source."""


class OrderFlag(StrEnum):
    """Why a person must check an order that breaks no rule and stays in force."""

    TERM_CAPPED = "TERM_CAPPED"
    """It states a longer term than the law allows, and ends where that ends."""
    TERM_UNCONFIRMED = "TERM_UNCONFIRMED"
    """It states a longer term than a figure of the law that no counsel has confirmed."""
    LIFE_WITHOUT_GROUND = "LIFE_WITHOUT_GROUND"
    """It is for life without a ground that allows that."""
    BASE_NOT_HELD = "BASE_NOT_HELD"
    """It extends an order that is not held, or is of another kind: it is judged by itself."""
    BASE_UNDER_OTHER_KEY = "BASE_UNDER_OTHER_KEY"
    """It extends an order of the same person under another key: it is judged by itself."""
    BASE_REVOKED_LATER = "BASE_REVOKED_LATER"
    """It extends an order that had ended before its agency took it back."""
    EXTENDED_TWICE_UNCONFIRMED = "EXTENDED_TWICE_UNCONFIRMED"
    """It is extended more often than a figure of the law that no counsel has confirmed."""
    EXTENSION_LATE_UNCONFIRMED = "EXTENSION_LATE_UNCONFIRMED"
    """The extension came late, and no counsel has confirmed whether that makes it void."""
    RENEWED_TOO_LONG = "RENEWED_TOO_LONG"
    """CEGAH orders of its agency follow one another for too many months without naming what they extend."""
    URGENT_SENT_AGAIN = "URGENT_SENT_AGAIN"
    """Its source had sent it as urgent before without a decree: its days without a decision run from that receipt."""
    FOLLOWS_URGENT = "FOLLOWS_URGENT"
    """It came without a decree after an undecided urgent order of its agency on the person, whose days bind it."""
    NO_DECREE = "NO_DECREE"
    """It is not urgent, and has no decree number and date."""
    AGENCY_UNKNOWN = "AGENCY_UNKNOWN"
    """Its agency is not in the list of agencies."""
    TANGKAL_WITH_NIK = "TANGKAL_WITH_NIK"
    """It refuses entry to somebody with a NIK: a resident, perhaps a citizen, though the nationality says otherwise or
    nothing."""
    WITNESS = "WITNESS"
    """It is about a witness, and an exit ban for an investigation is about a suspect or a defendant."""
    REVOKED_WITHOUT_MOMENT = "REVOKED_WITHOUT_MOMENT"
    """It states by what it was revoked, and not when: it stays in force until that is known."""
    LACKS_SEX = "LACKS_SEX"
    """An urgent order names the sex; so with the members below."""
    LACKS_NATIONALITY = "LACKS_NATIONALITY"
    LACKS_BIRTH = "LACKS_BIRTH"
    LACKS_PHOTOGRAPH = "LACKS_PHOTOGRAPH"
    LACKS_REASON = "LACKS_REASON"
    CHECK_DECREE_DATE = "CHECK_DECREE_DATE"
    """The cell may hold a slip of the pen, which would change whether the order is in force; so with those below."""
    CHECK_RECEIVED_ON = "CHECK_RECEIVED_ON"
    CHECK_VALID_FROM = "CHECK_VALID_FROM"
    CHECK_VALID_UNTIL = "CHECK_VALID_UNTIL"
    CHECK_REVOKED_AT = "CHECK_REVOKED_AT"


class DateOddity(StrEnum):
    """Why a date cannot be true."""

    AFTER = "AFTER"
    """It lies after another date that it should precede."""
    BEFORE = "BEFORE"
    """It lies before another date that it should follow."""
    LONG_BEFORE = "LONG_BEFORE"
    """It lies too long before another date."""
    LONG_AFTER = "LONG_AFTER"
    FUTURE = "FUTURE"
    """It lay in the future when the order was stored."""
    ENDED = "ENDED"
    """With this first day, the law had ended the order before it was received as a running one."""


@dataclass(frozen=True)
class DateDoubt:
    """A cell of an order whose date cannot be true, or of which one in a pair cannot be."""

    field: str
    oddity: str
    """A member of DateOddity."""
    other: str = ""
    """The cell that it contradicts; empty with FUTURE and ENDED."""
    meant: str = ""
    """The day that was probably meant, ISO 8601; empty: nothing usual explains it."""


@dataclass(frozen=True)
class OrderFacts:
    """What a ban order states, besides its days."""

    order_id: Key
    subject_id: Key
    kind: OrderKind | None
    """None: one that only a newer server knows."""
    requesting_agency: str
    reason: Annotated[str, MaxLen(MAX_REASON)] = ""
    decree_number: str = ""
    urgent: bool = False
    extends_order_id: str = ""
    revoked_at: datetime | None = None
    withdrawn_at: datetime | None = None
    """When a synchronisation found that its source no longer has it. That ends only this order, since a source may drop
    a base order once it is extended."""
    ground: OrderGround | None = None
    """Why, of a TANGKAL order; None: not stated, like the two below."""
    person_status: PersonStatus | None = None
    """What the subject is in the proceedings."""
    revocation_ground: RevocationGround | None = None
    """Who or what took it back. It ends nothing without the moment `revoked_at`."""
    revocation_reference: Annotated[str, MaxLen(MAX_REVOCATION_REFERENCE)] = ""
    """Number of the letter or the judgment that took it back."""


@dataclass(frozen=True)
class OrderState:
    """The status of an order at one moment."""

    status: OrderStatus | None = None
    """None: only the order's facts are told, or it is one that only a newer server knows."""
    broken_rules: tuple[str, ...] = ()
    """Members of OrderRule."""
    flags: tuple[str, ...] = ()
    """Members of OrderFlag."""


@dataclass(frozen=True, kw_only=True)
class ShownOrder(OrderState, OrderFacts):
    """A ban order as people see it. Days are ISO 8601, by the checkpoint's clock, or empty.

    With BASE_REVOKED, moment, ground and reference of the revocation are those of the order that it extends.
    """

    valid_from: str
    valid_until: str
    received_on: str = ""
    decree_date: str = ""
    last_day: str = ""
    """The last day on which it can be in force by law."""
    ended_by: str = ""
    """A member of OrderEnd, if it is LAPSED or REVOKED."""
    article: str = ""
    """The law that ends it or makes it void, with its article; empty where none is named."""

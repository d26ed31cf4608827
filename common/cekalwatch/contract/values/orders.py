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


class OrderRule(StrEnum):
    """A rule that an INVALID order breaks."""

    TERM_TOO_LONG = "TERM_TOO_LONG"
    """A CEGAH order, or its extension, runs for more months than the law allows."""
    EXTENDED_TWICE = "EXTENDED_TWICE"
    """It extends an extension, or an order that another extension extends already."""
    EXTENSION_LATE = "EXTENSION_LATE"
    """The extension was received too close to the end of the order that it extends."""
    EXTENSION_GAP = "EXTENSION_GAP"
    """The extension begins after the order that it extends had ended: there was no ban left to extend."""
    EXTENDS_UNKNOWN_ORDER = "EXTENDS_UNKNOWN_ORDER"
    """No order with that key, for the same subject and of the same kind, is stored (yet)."""
    EXTENDS_INVALID_ORDER = "EXTENDS_INVALID_ORDER"
    """It extends an order that breaks a rule itself."""
    URGENT_RESUBMITTED = "URGENT_RESUBMITTED"
    """The agency had sent an urgent order on the subject before, and no written decision lies between the two."""
    TANGKAL_ON_CITIZEN = "TANGKAL_ON_CITIZEN"
    """A citizen may never be refused entry; a NIK says citizen, whatever the nationality."""


class OrderFlag(StrEnum):
    """Why a person must check an order that breaks no rule and stays in force."""

    RENEWED_TOO_LONG = "RENEWED_TOO_LONG"
    """CEGAH orders of its agency follow one another for too many months without naming what they extend."""
    URGENT_SENT_AGAIN = "URGENT_SENT_AGAIN"
    """Its source had sent it as urgent before, with an earlier receipt, from which its days without a decision run."""


@dataclass(frozen=True)
class ShownOrder:
    """A ban order as people see it. Days are ISO 8601, by the checkpoint's clock, or empty."""

    order_id: Key
    subject_id: Key
    kind: OrderKind | None
    """None: one that only a newer server knows; so with `status`."""
    requesting_agency: str
    valid_from: str
    valid_until: str
    received_on: str = ""
    reason: Annotated[str, MaxLen(MAX_REASON)] = ""
    decree_number: str = ""
    decree_date: str = ""
    urgent: bool = False
    extends_order_id: str = ""
    revoked_at: datetime | None = None
    withdrawn_at: datetime | None = None
    ground: OrderGround | None = None
    """Why, of a TANGKAL order; None: not stated, like the two below."""
    person_status: PersonStatus | None = None
    revocation_ground: RevocationGround | None = None
    revocation_reference: Annotated[str, MaxLen(MAX_REVOCATION_REFERENCE)] = ""
    """Number of the letter or the judgment that took it back."""
    status: OrderStatus | None = None
    """Status at the time of the request; like the fields below, None if only the order's facts are requested."""
    broken_rules: tuple[str, ...] = ()
    """Members of OrderRule."""
    flags: tuple[str, ...] = ()
    """Members of OrderFlag."""
    last_day: str = ""
    """The last day on which it can be in force by law."""

    @property
    def renewed_too_long(self) -> bool:
        """Whether such orders follow one another for longer than the law means them to."""
        return OrderFlag.RENEWED_TOO_LONG in self.flags

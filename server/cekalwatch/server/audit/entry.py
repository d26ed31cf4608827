"""The audit trail's entries, and the chain that binds them: who did what to which objects, the outcome, and when.

Entries contain keys, codes, counts and hashes; never names, numbers of documents, pictures, templates or scores. This
module knows neither database nor files.

The chain: an entry's hash is SHA-256 over the hash before it (64 hexadecimal digits; zeros before the first), followed
by the canonical JSON array of the entry's six texts. Sequences count from 1 without gaps.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from cekalwatch.server.domain.people import TwoPeople

GENESIS = "0" * 64
"""The hash before the first entry."""

OK = "OK"
"""The outcome of a completed action; others are codes of the catalogue, or the result of an imported order."""

MAX_OBJECTS = 700
"""Maximum objects: a page has at most 100 alerts, each with its key and five candidates."""
MAX_TEXT = 200

_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode


class Action(StrEnum):
    """The recorded actions."""

    ALERT_RAISED = "ALERT_RAISED"
    ALERT_SIGHTED = "ALERT_SIGHTED"
    ALERT_CLAIMED = "ALERT_CLAIMED"
    ALERT_RELEASED = "ALERT_RELEASED"
    ALERT_ESCALATED = "ALERT_ESCALATED"
    ALERT_ADJUDICATED = "ALERT_ADJUDICATED"
    ALERT_CONFIRMED = "ALERT_CONFIRMED"
    ALERT_CLEARED = "ALERT_CLEARED"
    ALERT_FOLLOWED_UP = "ALERT_FOLLOWED_UP"
    ALERT_CLOSED = "ALERT_CLOSED"
    ALERT_ORDERS_ENDED = "ALERT_ORDERS_ENDED"
    ALERT_ORDERS_RESUMED = "ALERT_ORDERS_RESUMED"
    ALERT_CANDIDATE_LAPSED = "ALERT_CANDIDATE_LAPSED"
    ALERT_TAKEN_OVER = "ALERT_TAKEN_OVER"
    ALERT_REFERENCE_ENTERED = "ALERT_REFERENCE_ENTERED"
    ALERT_TAKEN_BACK = "ALERT_TAKEN_BACK"
    ALERT_LOOKED = "ALERT_LOOKED"
    ALERT_UNDONE = "ALERT_UNDONE"
    ALERT_LIST_CHANGED = "ALERT_LIST_CHANGED"
    SUBSCRIPTION_OPENED = "SUBSCRIPTION_OPENED"
    ALERT_DELIVERED = "ALERT_DELIVERED"
    PORT_REPORTS_OPENED = "PORT_REPORTS_OPENED"
    PORT_CONTRADICTED = "PORT_CONTRADICTED"
    SHIFT_LEFT = "SHIFT_LEFT"
    SHIFT_NOTES_READ = "SHIFT_NOTES_READ"
    SHIFT_TAKEN_OVER = "SHIFT_TAKEN_OVER"
    ALERTS_LISTED = "ALERTS_LISTED"
    ALERT_VIEWED = "ALERT_VIEWED"
    FACES_LISTED = "FACES_LISTED"
    ALERT_RECORD_TAKEN = "ALERT_RECORD_TAKEN"
    SUBJECTS_LISTED = "SUBJECTS_LISTED"
    SUBJECT_VIEWED = "SUBJECT_VIEWED"
    LOOKALIKES_JUDGED = "LOOKALIKES_JUDGED"
    AGENCY_PUT = "AGENCY_PUT"
    AGENCY_REMOVED = "AGENCY_REMOVED"
    AGENCIES_TAKEN_OVER = "AGENCIES_TAKEN_OVER"
    LAW_ROW_ADDED = "LAW_ROW_ADDED"
    LAW_TAKEN_OVER = "LAW_TAKEN_OVER"
    ORDER_IMPORTED = "ORDER_IMPORTED"
    ORDER_AMENDED = "ORDER_AMENDED"
    ORDERS_SILENCED = "ORDERS_SILENCED"
    SUBJECT_DELETED = "SUBJECT_DELETED"
    WATCHLIST_IMPORTED = "WATCHLIST_IMPORTED"
    SYNC_REQUESTED = "SYNC_REQUESTED"
    SHRINK_ACCEPTED = "SHRINK_ACCEPTED"
    ORDERS_WITHDRAWN = "ORDERS_WITHDRAWN"
    WATCHLIST_SYNCED = "WATCHLIST_SYNCED"
    LIST_FOLLOWED = "LIST_FOLLOWED"
    LIST_READ = "LIST_READ"
    REFERENCES_FETCHED = "REFERENCES_FETCHED"
    TROUBLE_ACKNOWLEDGED = "TROUBLE_ACKNOWLEDGED"
    CAMERA_POLICY_SET = "CAMERA_POLICY_SET"
    REPORT_TAKEN = "REPORT_TAKEN"
    CAMERA_PICTURE_VIEWED = "CAMERA_PICTURE_VIEWED"
    CAMERA_WATCHED = "CAMERA_WATCHED"
    CAMERA_SURVEYED = "CAMERA_SURVEYED"
    CONFIGURATION_CHANGED = "CONFIGURATION_CHANGED"
    AUDIT_SEARCHED = "AUDIT_SEARCHED"
    AUDIT_ENTRY_VIEWED = "AUDIT_ENTRY_VIEWED"
    AUDIT_VERIFIED = "AUDIT_VERIFIED"
    AUDIT_EXPORTED = "AUDIT_EXPORTED"
    AUDIT_HISTORY_ACCEPTED = "AUDIT_HISTORY_ACCEPTED"
    RETENTION_SWEPT = "RETENTION_SWEPT"
    CERTIFICATE_ISSUED = "CERTIFICATE_ISSUED"
    CERTIFICATE_RENEWED = "CERTIFICATE_RENEWED"
    CERTIFICATES_REVOKED = "CERTIFICATES_REVOKED"
    DEVICE_INVITED = "DEVICE_INVITED"
    DEVICE_ENROLLED = "DEVICE_ENROLLED"
    INVITATION_WITHDRAWN = "INVITATION_WITHDRAWN"
    KEY_ROTATED = "KEY_ROTATED"
    KEYS_RESEALED = "KEYS_RESEALED"
    KEYS_RETIRED = "KEYS_RETIRED"
    KEYS_REWRAPPED = "KEYS_REWRAPPED"
    SIGNED_IN = "SIGNED_IN"
    SIGN_IN_REFUSED = "SIGN_IN_REFUSED"
    SIGN_IN_LOCKED = "SIGN_IN_LOCKED"
    SIGNED_OUT = "SIGNED_OUT"
    APPROVAL_ASKED = "APPROVAL_ASKED"
    APPROVAL_SIGNED = "APPROVAL_SIGNED"
    APPROVAL_REFUSED = "APPROVAL_REFUSED"
    SESSION_REFUSED = "SESSION_REFUSED"
    PASSWORD_CHANGED = "PASSWORD_CHANGED"  # noqa: S105  # an action
    PERSON_ADDED = "PERSON_ADDED"
    PERSON_CHANGED = "PERSON_CHANGED"
    GROUP_BOUND = "GROUP_BOUND"
    GROUP_UNBOUND = "GROUP_UNBOUND"
    GATES_SET = "GATES_SET"
    FIRST_LOOKS_SET = "FIRST_LOOKS_SET"
    EXERCISES_SET = "EXERCISES_SET"
    EXERCISE_SUBJECT_ADDED = "EXERCISE_SUBJECT_ADDED"
    EXERCISE_SUBJECT_ERASED = "EXERCISE_SUBJECT_ERASED"
    THRESHOLD_SET = "THRESHOLD_SET"
    THRESHOLD_LEARNED = "THRESHOLD_LEARNED"
    LEARNING_FORGOTTEN = "LEARNING_FORGOTTEN"
    GALLERY_REBUILD_BEGUN = "GALLERY_REBUILD_BEGUN"
    GALLERY_REBUILT = "GALLERY_REBUILT"
    GALLERY_COMPARED = "GALLERY_COMPARED"
    GALLERY_SWITCHED = "GALLERY_SWITCHED"
    GALLERY_DROPPED = "GALLERY_DROPPED"
    ROWS_REFUSED = "ROWS_REFUSED"
    ROWS_ACCEPTED = "ROWS_ACCEPTED"
    BACKUP_MADE = "BACKUP_MADE"
    BACKUP_RESTORED = "BACKUP_RESTORED"
    DATABASE_UPGRADED = "DATABASE_UPGRADED"
    DATABASE_MOVED = "DATABASE_MOVED"
    SERVER_FORGOTTEN = "SERVER_FORGOTTEN"


class ActorKind(StrEnum):
    """The kinds of actors."""

    CAMERA = "camera"
    """A camera client, by the camera's key."""
    AGENT = "agent"
    """A notifier agent that subscribes in plaintext, by its key."""
    DEVICE = "device"
    """A caller with a certificate, by SITE/ROLE/NAME."""
    CLIENT = "client"
    """A caller without a certificate: plaintext, on the server's machine."""
    PERSON = "person"
    """A person who signed in: the person's key, @, and the device (or `loopback`, or a machine)."""
    CENTRE = "centre"
    """At a port with a server of its own: the centre, by its addresses, or a person there, as the centre names them."""
    COMMAND = "command"
    """A command on the server's machine, by the account of the operating system."""
    SERVER = "server"
    """The server itself, by the name of its machine."""


@dataclass(frozen=True)
class Actor:
    """The actor of an entry."""

    party: ActorKind
    key: str

    def __str__(self) -> str:
        return f"{self.party}:{self.key}"


def operator() -> Actor:
    """Return the account that runs this process, by the operating system."""
    try:
        return Actor(ActorKind.COMMAND, getpass.getuser())
    except (OSError, KeyError):  # an account without a name, as in containers
        return Actor(ActorKind.COMMAND, "unnamed")


class ObjectKind(StrEnum):
    """The kinds of objects of an action."""

    AGENCY = "agency"
    """An agency that asks for bans, by its code."""
    ALERT = "alert"
    CAPTURE = "capture"
    DEVICE = "device"
    ORDER = "order"
    PERSON = "person"
    SUBJECT = "subject"
    TROUBLE = "trouble"
    KEY = "key"
    """A data key, by its number."""
    ROW = "row"
    """A row of the database, by TABLE/KEY."""

    def key(self, value: object) -> str:
        """Return the object key of the object with key `value`."""
        return f"{self}:{value}"


def both_keys(people: TwoPeople) -> tuple[str, str]:
    """Return the object keys of two people who act together."""
    return ObjectKind.PERSON.key(people.first.person_id), ObjectKind.PERSON.key(people.second.person_id)


@dataclass(frozen=True)
class AuditEntry:
    """One action. Raises ValueError when it is too long, or its moment has no time zone."""

    at: datetime
    actor: Actor
    action: Action
    objects: tuple[str, ...] = ()
    """Object keys, each once."""
    outcome: str = OK
    details: Mapping[str, int | str] = field(default_factory=lambda: MappingProxyType({}))
    """Counts, codes, hashes and the like, by name."""

    def __post_init__(self) -> None:
        if self.at.tzinfo is None:
            raise ValueError("a moment without time zone cannot be recorded")
        if len(self.objects) > MAX_OBJECTS or not all(map(_NAME.fullmatch, self.details)):
            raise ValueError("an audit entry has too many objects, or a detail without a proper name")
        texts = (str(self.actor), self.outcome, *self.objects, *map(str, self.details.values()))
        if any(len(text) > MAX_TEXT for text in texts):
            raise ValueError(f"a text of an audit entry has more than {MAX_TEXT} characters")


class Link(NamedTuple):
    """An entry at its position in the chain, as the texts that are stored and hashed."""

    sequence: int
    previous_hash: str
    hash: str
    at: str
    """YYYY-MM-DDThh:mm:ss.ffffffZ, so that texts sort by time."""
    actor: str
    action: str
    objects: str
    """A JSON list."""
    outcome: str
    details: str
    """A JSON object, its names in order."""

    @property
    def holds(self) -> bool:
        """Whether the hash matches the content; the values may have any type, as in a damaged database."""
        try:
            return chain_hash(self.previous_hash, self[3:]) == self.hash
        except (TypeError, ValueError):
            return False


def chain_hash(previous_hash: str, texts: Sequence[str]) -> str:
    """Return the hash, hexadecimal, of the entry with these six `texts` (`Link`'s, from `at` on) after another."""
    return hashlib.sha256((previous_hash + _encode(texts)).encode()).hexdigest()


def link(entry: AuditEntry, sequence: int, previous_hash: str) -> Link:
    """Return the entry as a link with that `sequence`, after an entry with `previous_hash`."""
    texts = (
        stamp(entry.at),
        str(entry.actor),
        str(entry.action),
        _encode(list(dict.fromkeys(entry.objects))),
        str(entry.outcome),
        _encode(dict(entry.details)),
    )
    return Link(sequence, previous_hash, chain_hash(previous_hash, texts), *texts)


def stamp(moment: datetime) -> str:
    """Return an aware moment in the trail's form."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

"""Entries of the audit trail in words. What the console does not know yet, it shows as the trail has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cekalwatch.contract.values.audit import TrailEntry, TrailProblem
from cekalwatch.program.translations import Texts

ACTIONS: Final = (
    *("ALERT_RAISED", "ALERT_SIGHTED", "ALERT_CLAIMED", "ALERT_RELEASED", "ALERT_ESCALATED", "ALERT_ADJUDICATED"),
    *("ALERT_CONFIRMED", "ALERT_CLEARED", "ALERT_FOLLOWED_UP", "ALERT_CLOSED", "ALERT_ORDERS_ENDED"),
    *("ALERT_ORDERS_RESUMED", "ALERT_CANDIDATE_LAPSED", "ALERT_TAKEN_OVER", "ALERT_REFERENCE_ENTERED"),
    *("ALERT_TAKEN_BACK", "SUBSCRIPTION_OPENED", "ALERT_DELIVERED"),
    *("PORT_REPORTS_OPENED", "ALERTS_LISTED", "ALERT_VIEWED", "SUBJECTS_LISTED", "SUBJECT_VIEWED", "ORDER_IMPORTED"),
    *(
        "LOOKALIKES_JUDGED",
        "AGENCY_PUT",
        "AGENCY_REMOVED",
        "AGENCIES_TAKEN_OVER",
        "LAW_ROW_ADDED",
        "LAW_TAKEN_OVER",
        "ALERT_RECORD_TAKEN",
    ),
    *("SUBJECT_DELETED", "WATCHLIST_IMPORTED", "SYNC_REQUESTED", "SHRINK_ACCEPTED", "ORDERS_WITHDRAWN"),
    *("WATCHLIST_SYNCED", "LIST_FOLLOWED", "LIST_READ", "REFERENCES_FETCHED", "TROUBLE_ACKNOWLEDGED"),
    *("CONFIGURATION_CHANGED", "AUDIT_SEARCHED", "AUDIT_ENTRY_VIEWED", "AUDIT_VERIFIED", "AUDIT_EXPORTED"),
    *("AUDIT_HISTORY_ACCEPTED", "RETENTION_SWEPT", "CERTIFICATE_ISSUED", "CERTIFICATE_RENEWED"),
    *("CERTIFICATES_REVOKED", "DEVICE_INVITED", "DEVICE_ENROLLED", "KEY_ROTATED", "KEYS_RESEALED", "KEYS_RETIRED"),
    *("INVITATION_WITHDRAWN", "CAMERA_POLICY_SET", "CAMERA_PICTURE_VIEWED", "CAMERA_SURVEYED"),
    *("REPORT_TAKEN", "DATABASE_MOVED"),
    *("KEYS_REWRAPPED", "SIGNED_IN", "SIGN_IN_REFUSED", "SIGN_IN_LOCKED", "SIGNED_OUT", "SESSION_REFUSED"),
    *("PASSWORD_CHANGED", "PERSON_ADDED", "PERSON_CHANGED", "THRESHOLD_SET", "THRESHOLD_LEARNED"),
    *("LEARNING_FORGOTTEN", "GALLERY_REBUILD_BEGUN", "GALLERY_REBUILT", "GALLERY_COMPARED", "GALLERY_SWITCHED"),
    *("GALLERY_DROPPED", "ROWS_REFUSED", "ROWS_ACCEPTED", "BACKUP_MADE", "BACKUP_RESTORED", "DATABASE_UPGRADED"),
)
"""The actions that have words here."""
ACTORS: Final = ("AGENT", "CAMERA", "CENTRE", "CLIENT", "COMMAND", "DEVICE", "SERVER")
"""Who acts, besides people."""
THINGS: Final = ("AGENCY", "ALERT", "CAPTURE", "DEVICE", "KEY", "ORDER", "PERSON", "ROW", "SUBJECT", "TROUBLE")
"""What entries are about."""


@dataclass(frozen=True)
class ObjectKind:
    """What an entry is about: words, and a page that shows more, or an empty text."""

    words: str
    query: Mapping[str, str]
    """The search for all entries about it; empty when there is none."""


class AuditWords:
    """Says what entries of the trail mean, with the texts of one language."""

    def __init__(self, texts: Texts) -> None:
        self._texts = texts

    def action(self, action: str) -> str:
        """Return the action in words."""
        if action in ACTIONS:
            return self._texts.say(f"ACTION_{action}")
        return self._texts.say("UNKNOWN_ACTION", action=action)

    def actor(self, entry: TrailEntry, names: Mapping[str, str]) -> str:
        """Return who did it."""
        kind, _, key = entry.actor.partition(":")
        if kind == "person":
            person, _, place = key.partition("@")
            return self._texts.say("ACTOR_PERSON", name=names.get(person, person), place=place)
        if kind.upper() in ACTORS:
            return self._texts.say(f"ACTOR_{kind.upper()}", key=key)
        return entry.actor

    def thing(self, name: str, names: Mapping[str, str]) -> ObjectKind:
        """Return what an object is."""
        kind, _, key = name.partition(":")
        if kind.upper() not in THINGS:
            return ObjectKind(name, {})
        words = self._texts.say(f"THING_{kind.upper()}", key=names.get(key, key) if kind == "person" else key)
        return ObjectKind(words, {kind: key} if kind in {"person", "subject", "alert"} else {})

    def outcome(self, outcome: str) -> str:
        """Return the outcome: in words if the action was done, else the code."""
        return self._texts.say("OUTCOME_DONE") if outcome == "OK" else outcome

    def problem(self, problem: TrailProblem) -> str:
        """Return a fault of the trail in words."""
        kind, first, last = problem.kind or "UNSPECIFIED", str(problem.first), str(problem.last)
        return self._texts.say(f"PROBLEM_{kind}", first=first, last=last)

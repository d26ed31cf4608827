"""Entries of the audit trail in words. What the console does not know yet, it shows as the trail has it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from cekalwatch.contract.values.audit import TrailEntry, TrailProblem
from cekalwatch.office.locale.moments import MomentFormatter

ACTIONS: Final = (
    *("ALERT_RAISED", "ALERT_SIGHTED", "ALERT_CLAIMED", "ALERT_RELEASED", "ALERT_ESCALATED", "ALERT_ADJUDICATED"),
    *("ALERT_CONFIRMED", "ALERT_CLEARED", "ALERT_FOLLOWED_UP", "ALERT_CLOSED", "ALERT_ORDERS_ENDED"),
    *("ALERT_ORDERS_RESUMED", "ALERT_CANDIDATE_LAPSED", "ALERT_TAKEN_OVER", "ALERT_REFERENCE_ENTERED"),
    *("ALERT_TAKEN_BACK", "ALERT_LOOKED", "ALERT_UNDONE", "ALERT_LIST_CHANGED", "SUBSCRIPTION_OPENED"),
    "ALERT_DELIVERED",
    *("PORT_REPORTS_OPENED", "PORT_CONTRADICTED", "ALERTS_LISTED", "ALERT_VIEWED", "FACES_LISTED", "SUBJECTS_LISTED"),
    *("SUBJECT_VIEWED", "ORDER_IMPORTED"),
    *(
        "LOOKALIKES_JUDGED",
        "AGENCY_PUT",
        "AGENCY_REMOVED",
        "AGENCIES_TAKEN_OVER",
        "LAW_ROW_ADDED",
        "ORDER_AMENDED",
        "ORDERS_SILENCED",
        "LAW_TAKEN_OVER",
        "ALERT_RECORD_TAKEN",
    ),
    *("SUBJECT_DELETED", "WATCHLIST_IMPORTED", "SYNC_REQUESTED", "SHRINK_ACCEPTED", "ORDERS_WITHDRAWN"),
    *("WATCHLIST_SYNCED", "LIST_FOLLOWED", "LIST_READ", "REFERENCES_FETCHED", "TROUBLE_ACKNOWLEDGED"),
    *("CONFIGURATION_CHANGED", "AUDIT_SEARCHED", "AUDIT_ENTRY_VIEWED", "AUDIT_VERIFIED", "AUDIT_EXPORTED"),
    *("AUDIT_HISTORY_ACCEPTED", "RETENTION_SWEPT", "CERTIFICATE_ISSUED", "CERTIFICATE_RENEWED"),
    *("CERTIFICATES_REVOKED", "DEVICE_INVITED", "DEVICE_ENROLLED", "KEY_ROTATED", "KEYS_RESEALED", "KEYS_RETIRED"),
    *("INVITATION_WITHDRAWN", "CAMERA_POLICY_SET", "CAMERA_PICTURE_VIEWED", "CAMERA_WATCHED", "CAMERA_SURVEYED"),
    *("REPORT_TAKEN", "DATABASE_MOVED", "SERVER_FORGOTTEN"),
    *("KEYS_REWRAPPED", "SIGNED_IN", "SIGN_IN_REFUSED", "SIGN_IN_LOCKED", "SIGNED_OUT", "SESSION_REFUSED"),
    *("APPROVAL_ASKED", "APPROVAL_SIGNED", "APPROVAL_REFUSED"),
    *("PASSWORD_CHANGED", "PERSON_ADDED", "PERSON_CHANGED", "THRESHOLD_SET", "THRESHOLD_LEARNED"),
    *("GROUP_BOUND", "GROUP_UNBOUND", "GATES_SET"),
    *("FIRST_LOOKS_SET", "EXERCISES_SET", "EXERCISE_SUBJECT_ADDED", "EXERCISE_SUBJECT_ERASED"),
    *("SHIFT_LEFT", "SHIFT_NOTES_READ", "SHIFT_TAKEN_OVER"),
    *("LEARNING_FORGOTTEN", "GALLERY_REBUILD_BEGUN", "GALLERY_REBUILT", "GALLERY_COMPARED", "GALLERY_SWITCHED"),
    *("GALLERY_DROPPED", "ROWS_REFUSED", "ROWS_ACCEPTED", "BACKUP_MADE", "BACKUP_RESTORED", "DATABASE_UPGRADED"),
)
"""The actions that have words here."""
ACTORS: Final = ("AGENT", "CAMERA", "CENTRE", "CLIENT", "COMMAND", "DEVICE", "SERVER")
"""Who acts, besides people."""
THINGS: Final = ("AGENCY", "ALERT", "CAPTURE", "DEVICE", "KEY", "ORDER", "PERSON", "ROW", "SUBJECT", "TROUBLE")
"""What entries are about."""


_UNSET: Final = frozenset({"not set", "refused"})
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SHOWN: Final = 6
"""Characters of a UUID that tell two apart: the first ones are those of its time."""
_OF_TIME: Final = 7


@dataclass(frozen=True)
class Named:
    """Somebody or something in an entry."""

    words: str
    key: str = ""
    """The key that a program made, for which the words stand; empty if they have it."""
    query: Mapping[str, str] = field(default_factory=dict)
    """The search for all entries about it; empty when there is none."""


@dataclass(frozen=True)
class AuditWords:
    """Says what entries of the trail mean, with the texts of one language."""

    texts: MomentFormatter

    def action(self, action: str) -> str:
        if action in ACTIONS:
            return self.texts.say(f"ACTION_{action}")
        return self.texts.say("UNKNOWN_ACTION", action=action)

    def actor(self, entry: TrailEntry, names: Mapping[str, str]) -> Named:
        kind, _, key = entry.actor.partition(":")
        if kind == "person":
            person, _, place = key.partition("@")
            name, behind = self._name(person, names, person=True)
            return Named(self.texts.say("ACTOR_PERSON", name=name, place=place), behind)
        if kind.upper() in ACTORS:
            name, behind = self._name(key, names)
            return Named(self.texts.say(f"ACTOR_{kind.upper()}", key=name), behind)
        return Named(entry.actor)

    def change(self, entry: TrailEntry) -> str:
        """Return what a change of the threshold replaced, and by what; empty for other entries."""
        before, after = (entry.details.get(name, "") for name in ("before", "threshold"))
        if not entry.action.startswith("THRESHOLD_") or not before or not after:
            return ""
        return self.texts.say("CHANGED_FROM_TO", before=self._threshold(before), after=self._threshold(after))

    def _threshold(self, written: str) -> str:
        """Return a threshold in the language's form; "not set" and "refused" in words."""
        if written in _UNSET:
            return self.texts.say("VALUE_NOT_SET" if written == "not set" else "VALUE_REFUSED")
        try:
            return self.texts.number(float(written), ".4f")
        except ValueError:
            return written

    def thing(self, about: str, names: Mapping[str, str]) -> Named:
        kind, _, key = about.partition(":")
        if kind.upper() not in THINGS:
            return Named(about)
        name, behind = self._name(key, names, person=kind == "person")
        query = {kind: key} if kind in {"person", "subject", "alert"} else {}
        return Named(self.texts.say(f"THING_{kind.upper()}", key=name), behind, query)

    def value(self, written: str, names: Mapping[str, str]) -> Named:
        """Return a detail of an entry: the name of a person whose key it is, else as it was written."""
        return Named(names[written], written) if written in names else Named(written)

    def _name(self, key: str, names: Mapping[str, str], *, person: bool = False) -> tuple[str, str]:
        """Return what people call the bearer of a key, and the key if it is a UUID, which nobody can tell from another.

        A UUID of version 7 has the time when it was made: that of an alert, a capture or an alarm. Of others, the end.
        """
        if not _UUID.fullmatch(key):
            return key, ""
        if person:
            return names.get(key) or self.texts.say("UNKNOWN_PERSON", key=key[-_SHOWN:]), key
        found = UUID(key)
        if found.version != _OF_TIME:
            return f"…{key[-_SHOWN:]}", key
        return self.texts.time(datetime.fromtimestamp((found.int >> 80) / 1000, UTC)), key

    def outcome(self, outcome: str) -> str:
        """Return the outcome: in words if the action was done, else the code."""
        return self.texts.say("OUTCOME_DONE") if outcome == "OK" else outcome

    def problem(self, problem: TrailProblem) -> str:
        kind, first, last = problem.kind or "UNSPECIFIED", str(problem.first), str(problem.last)
        return self.texts.say(f"PROBLEM_{kind}", first=first, last=last)

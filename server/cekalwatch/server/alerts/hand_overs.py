"""Hand-overs at the end of a shift: who leaves writes notes, and who comes reads them and takes the shift over.

Both are in the audit trail. Notes are free text that may name people: they are sealed, and removed some days after they
were written. Methods block: call them from a worker thread.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

import structlog
import uuid6

from cekalwatch.contract.values.hand_overs import MAX_HAND_OVERS, HandOver
from cekalwatch.contract.values.people import PersonReference
from cekalwatch.server.alerts.adjudication import ActingPerson
from cekalwatch.server.audit.entry import Action, Actor, AuditEntry, ObjectKind, stamp
from cekalwatch.server.domain.alerts.adjudication import check_note
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.storage.alerts.hand_over_store import HandOverStore
from cekalwatch.server.storage.people.store import PeopleStore

log = structlog.get_logger()


class HandOvers:
    """Those of all sites of the server."""

    def __init__(self, store: HandOverStore, people: PeopleStore, clock: Clock, kept_for: timedelta) -> None:
        """Notes are removed when they are `kept_for` old."""
        self._store = store
        self._people = people
        self._clock = clock
        self._kept_for = kept_for

    def leave(self, who: ActingPerson, site: str, notes: str) -> HandOver:
        """Keep the notes of `who`, who leaves; raises NOTE_INVALID."""
        check_note(notes, needed=False)
        person = who.person.reference
        new = HandOver(str(uuid6.uuid7()), site, person, self._clock.now(), notes)
        entry = self._entry(Action.SHIFT_LEFT, who.actor, (person,), site=site, hand_over=new.hand_over_id)
        self._store.add(new, entry)
        return self._people.named(new)

    def of(self, who: ActingPerson, site: str) -> tuple[HandOver, ...]:
        """Return the newest hand-overs of a site, and record that `who` has read their notes."""
        found = self._store.newest(site, MAX_HAND_OVERS, self._clock.now() - self._kept_for)
        if found:
            wrote = dict.fromkeys(one.left_by for one in found)
            entry = self._entry(Action.SHIFT_NOTES_READ, who.actor, wrote, site=site, hand_overs=len(found))
            self._store.record(entry)
        return self._people.named(found)

    def take(self, who: ActingPerson, hand_over_id: UUID) -> HandOver:
        """Let `who` take a shift over from somebody else; raises HAND_OVER_GONE."""
        now, person = self._clock.now(), who.person.reference

        def entry(kept: HandOver) -> AuditEntry:
            if not who.sees(kept.site) or kept.left_by == person or kept.left_at <= now - self._kept_for:
                raise CekalwatchError(Code.HAND_OVER_GONE)
            both, key = (person, kept.left_by), str(hand_over_id)
            return self._entry(Action.SHIFT_TAKEN_OVER, who.actor, both, site=kept.site, hand_over=key)

        return self._people.named(self._store.take(hand_over_id, person, now, entry))

    def due(self) -> int:
        """Return how many `sweep` would remove now."""
        return self._store.older(self._clock.now() - self._kept_for)

    def sweep(self, actor: Actor) -> int:
        """Remove the notes whose time is over, with an entry in the name of `actor`; return how many."""
        before = self._clock.now() - self._kept_for

        def entry(gone: int) -> AuditEntry:
            return self._entry(Action.RETENTION_SWEPT, actor, hand_overs=gone, left_before=stamp(before))

        if gone := self._store.remove(before, entry):
            log.info("retention_swept", hand_overs=gone, left_before=stamp(before))
        return gone

    def _entry(
        self, action: Action, actor: Actor, people: Iterable[PersonReference] = (), **details: int | str
    ) -> AuditEntry:
        objects = tuple(ObjectKind.PERSON.key(one.person_id) for one in people)
        return AuditEntry(self._clock.now(), actor, action, objects, details=details)

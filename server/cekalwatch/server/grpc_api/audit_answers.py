"""What auditors get of the trail: entries with the names of the people in them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime

from cekalwatch.contract.codec.audit import ENTRY, ENTRY_PAGE
from cekalwatch.contract.values.audit import FullEntry, TrailCheckpoint, TrailEntry, TrailPage
from cekalwatch.contract.values.people import PersonReference
from cekalwatch.server.audit.checkpoints import Checkpoint
from cekalwatch.server.audit.entry import ActorKind, Link, ObjectKind
from cekalwatch.server.grpc_api.messages import fitting, uuid
from cekalwatch.server.storage.audit.search import AuditPage
from cekalwatch.v1.audit_service_pb2 import SearchAuditEntriesResponse

MAX_SHOWN_OBJECTS = 20
_PERSON = re.compile(rf"(?:{ActorKind.PERSON}|{ObjectKind.PERSON}):([0-9a-f-]{{36}})(?:@.*)?")


def search_page(found: AuditPage, names: Mapping[str, str]) -> SearchAuditEntriesResponse:
    """Write a page of entries, as many as fit into an answer."""
    entries = fitting(ENTRY.write(shown_entry(one, MAX_SHOWN_OBJECTS)) for _, one in found.found)
    cut = len(entries) < len(found.found)
    rest = found.found[len(entries) - 1][0] if cut else found.next
    token = f"{rest.moment}-{rest.sequence}" if rest else ""
    back = None if cut or found.complete or rest is None else rest.at
    people = _people(names, (one for _, one in found.found[: len(entries)]))
    answer = ENTRY_PAGE.write(TrailPage((), token, people, back))
    answer.entries.extend(entries)
    return answer


def full_entry(one: Link, checkpoint: Checkpoint | None, names: Mapping[str, str]) -> FullEntry:
    """Return an entry in full."""
    mark = checkpoint
    signed = TrailCheckpoint(mark.number, mark.sequence, mark.signed_at, mark.public_key) if mark else None
    return FullEntry(shown_entry(one), one.hash, one.previous_hash, signed, _people(names, [one]))


def shown_entry(one: Link, most_objects: int | None = None) -> TrailEntry:
    """Return an entry as auditors get it; of a damaged one, what can be read."""
    objects, details = _objects(one), _json(one.details)
    return TrailEntry(
        sequence=one.sequence,
        at=_moment(one.at),
        actor=str(one.actor),
        action=str(one.action),
        objects=tuple(objects[:most_objects]),
        object_count=len(objects),
        outcome=str(one.outcome),
        details={str(name): str(value) for name, value in details.items()} if isinstance(details, dict) else {},
        damaged=not one.holds,
    )


def people_named(links: Iterable[Link]) -> set[str]:
    """Return the keys of the people in entries: the actor, and the first objects."""
    found = set()
    for one in links:
        for name in (str(one.actor), *_objects(one)[:MAX_SHOWN_OBJECTS]):
            if (matched := _PERSON.fullmatch(name)) and (key_found := uuid(matched[1])):
                found.add(str(key_found))
    return found


def _people(names: Mapping[str, str], links: Iterable[Link]) -> tuple[PersonReference, ...]:
    return tuple(PersonReference(one, names[one]) for one in sorted(people_named(links)) if one in names)


def _moment(at: str) -> datetime | None:
    try:
        return datetime.fromisoformat(at)
    except (TypeError, ValueError):
        return None


def _objects(one: Link) -> list[str]:
    found = _json(one.objects)
    return list(map(str, found)) if isinstance(found, list) else []


def _json(text: str) -> object:
    try:
        found: object = json.loads(text)
    except (TypeError, ValueError):
        return None
    return found

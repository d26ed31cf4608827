"""Who did last what takes two people, by the audit trail. It blocks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from cekalwatch.server.audit.entry import Action, ObjectKind
from cekalwatch.server.audit.search_terms import action_term
from cekalwatch.server.storage.audit.search import AuditQuery, AuditSearch
from cekalwatch.server.storage.people.store import PeopleStore


@dataclass(frozen=True)
class JointEntry:
    """The newest act of two people of its kind."""

    at: datetime
    names: tuple[str, ...]
    """Names for screens of the people who are still known."""
    details: Mapping[str, object]
    """As the entry has them."""


def newest_joint_entry(search: AuditSearch, people: PeopleStore, action: Action) -> JointEntry | None:
    """Return the newest act of that kind; None where there is none, or its entry is damaged."""
    for place, link in search.page(AuditQuery((action_term(action),)), 1).found:
        try:
            signers = [str(UUID(one.removeprefix(f"{ObjectKind.PERSON}:"))) for one in json.loads(link.objects)]
            details = dict(json.loads(link.details))
        except (ValueError, TypeError):  # `audit verify` reports it
            return None
        names = people.display_names(signers)
        return JointEntry(place.at, tuple(names[one] for one in signers if one in names), details)
    return None

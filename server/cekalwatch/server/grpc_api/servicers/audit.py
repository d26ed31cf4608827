"""Auditors search the audit trail, which records their searches."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from cekalwatch.contract.calls import audit as calls
from cekalwatch.contract.codec.audit import CHECK, EXPORT_FORMATS, QUERY
from cekalwatch.contract.engine.scalars import Reading, Refused
from cekalwatch.contract.values.audit import (
    ExportFormat,
    FullEntry,
    TrailProblem,
    TrailProblemKind,
    TrailProgress,
    TrailVerdict,
)
from cekalwatch.server.audit.checkpoints import Checkpoint
from cekalwatch.server.audit.entry import OK, Action, Link, ObjectKind, both_keys, stamp
from cekalwatch.server.audit.export import written
from cekalwatch.server.audit.search_terms import Position, action_term, moment_of, outcome_term
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.grpc_api.audit_answers import full_entry, people_named, search_page
from cekalwatch.server.grpc_api.authentication import current_caller
from cekalwatch.server.grpc_api.errors import Context
from cekalwatch.server.grpc_api.messages import optional_moment, page_size, uuid
from cekalwatch.server.grpc_api.served import Served, serve
from cekalwatch.server.grpc_api.workers import LongCall, LongCalls
from cekalwatch.server.storage.audit.search import AuditPage, AuditQuery, AuditSearch
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.audit.trail import AuditTrail
from cekalwatch.server.storage.audit.trail_check import TrailCheck
from cekalwatch.server.storage.people.store import PeopleStore
from cekalwatch.v1 import audit_service_pb2 as pb

DEFAULT_PAGE = 50
LONG_CALLS = 2
PROGRESS_S = 1.0
MAX_OF_A_KIND = 8
"""Most problems of a kind in an answer."""
EXPORT_BYTES = 64_000
PAUSE_EACH = 500
PAUSE_S = 0.005
"""Pause of a check, and the entries between two pauses: recognition runs in the same process."""
TAMPERED = "TAMPERED"
_TOKEN = re.compile(r"(-?[0-9]{1,18})-([0-9]{1,18})")


@dataclass(frozen=True)
class AuditReaders:
    """What the audit service reads with."""

    trail: AuditTrail
    store: AuditStore
    search: AuditSearch
    people: PeopleStore
    check: Callable[[], TrailCheck]
    """Makes a check of the whole trail; it blocks."""
    signed: Callable[[], Checkpoint | None]
    """Signs the trail's end where this server does, and returns the newest checkpoint; it blocks."""


class AuditCalls:
    """Serves auditors."""

    def __init__(self, readers: AuditReaders) -> None:
        self._readers = readers
        self._calls = LongCalls("audit-calls", LONG_CALLS)

    def served(self) -> tuple[Served, ...]:
        """Return the calls."""
        return (
            serve(calls.SEARCH_AUDIT_ENTRIES, self._search),
            serve(calls.GET_AUDIT_ENTRY, self._entry),
            Served(calls.VERIFY_AUDIT_TRAIL, self._verify),
            Served(calls.EXPORT_AUDIT_ENTRIES, self._export),
        )

    def close(self) -> None:
        """End checks and exports that go on."""
        self._calls.close()

    async def _search(self, request: pb.SearchAuditEntriesRequest) -> pb.SearchAuditEntriesResponse:
        """Find entries; the search is recorded first."""
        limit, after = page_size(request.page_size, default=DEFAULT_PAGE), _position(request.page_token)
        wanted = QUERY.read(request, Reading.STRICT)
        (since, until), action, outcome = _stamps(wanted.since, wanted.until), _action(wanted.action), wanted.outcome
        named = ((ObjectKind.SUBJECT, wanted.subject), (ObjectKind.ALERT, wanted.alert))
        keys = [kind.key(value) for kind, value in named if value]

        def find() -> tuple[AuditPage, dict[str, str], list[str], str]:
            if wanted.person:
                keys.append(ObjectKind.PERSON.key(self._person(wanted.person)))
            ends = [outcome_term(outcome)] if outcome else []
            terms = [*keys, *ends, *([action_term(action)] if action else [])]
            query = AuditQuery(terms, *(moment_of(one) if one else None for one in (since, until)))
            found = self._readers.search.page(query, limit, after)
            names = self._readers.people.display_names(people_named(one for _, one in found.found))
            # The entered text may be a name; the trail contains keys only.
            known = [one for one in keys if one.startswith(f"{ObjectKind.PERSON}:") or self._readers.search.has(one)]
            return found, names, known, outcome if outcome and self._readers.search.has(outcome_term(outcome)) else ""

        found, names, known, ended = await asyncio.to_thread(find)
        answer = search_page(found, names)
        details = {"done": str(action or ""), "ended": ended, "since": since, "until": until}
        await self._readers.trail.note(
            current_caller().actor,
            Action.AUDIT_SEARCHED,
            known,
            **{name: value for name, value in details.items() if value},
            asked=len(keys),
            entries=len(answer.entries),
        )
        return answer

    async def _entry(self, request: pb.GetAuditEntryRequest) -> FullEntry:
        readers, sequence = self._readers, request.sequence

        def find() -> tuple[Link, Checkpoint | None, dict[str, str]]:
            one = readers.search.entry(sequence)
            if one is None:
                raise CekalwatchError(Code.AUDIT_ENTRY_NOT_FOUND)
            signed = [mark for mark in readers.store.checkpoints_after(sequence, 1) if mark.valid]
            names = readers.people.display_names(people_named([one]))
            return one, signed[0] if signed else None, names

        found = await asyncio.to_thread(find)
        await readers.trail.note(current_caller().actor, Action.AUDIT_ENTRY_VIEWED, entry=sequence)
        return full_entry(*found)

    async def _verify(
        self, _: pb.VerifyAuditTrailRequest, context: Context
    ) -> AsyncIterator[pb.VerifyAuditTrailResponse]:
        """Check the whole trail."""
        actor, call = current_caller().actor, self._calls.begin(context)
        running = _Verification(call, self._readers.store.head, self._readers.check)
        work = asyncio.ensure_future(call.do(running.run))
        while not work.done():
            await asyncio.wait({work}, timeout=PROGRESS_S)
            yield CHECK.write(TrailProgress(running.checked, max(running.total, running.checked)))
        check = work.result()
        found = running.problems
        await self._readers.trail.note(
            actor,
            Action.AUDIT_VERIFIED,
            outcome=TAMPERED if found else OK,
            entries=check.entries,
            signed=check.signed,
            problems=running.counts.total(),
        )
        yield CHECK.write(TrailVerdict(check.entries, check.signed, tuple(found), tuple(sorted(check.trusted))))

    async def _export(
        self, request: pb.ExportAuditEntriesRequest, context: Context
    ) -> AsyncIterator[pb.ExportAuditEntriesResponse]:
        """Give entries out; that is recorded first, with both people."""
        who, (since, until) = (
            current_caller(),
            _stamps(optional_moment(request, "start_time"), optional_moment(request, "end_time")),
        )
        form, two = _format(request.format), who.two_people()
        call, readers = self._calls.begin(context), self._readers
        both = both_keys(two)
        details = {"format": str(form), "since": since, "until": until}
        await readers.trail.note(who.actor, Action.AUDIT_EXPORTED, both, **details)
        signed = await call.do(readers.signed)
        export = _Export(readers.store.links(since, until), form)
        async for part in call.each(export.parts()):
            yield pb.ExportAuditEntriesResponse(data=part)
        end = pb.AuditExportEnd(entries=export.entries, checkpoint=signed.to_json() if signed else "")
        yield pb.ExportAuditEntriesResponse(end=end)

    def _person(self, wanted: str) -> UUID:
        """Return the key of the searched person, by key or sign-in name; raises PERSON_UNKNOWN."""
        if key := uuid(wanted):
            return key
        account = self._readers.people.account(wanted)
        if account is None:
            raise CekalwatchError(Code.PERSON_UNKNOWN)
        return account.person.person_id


def _position(token: str) -> Position | None:
    if not token:
        return None
    found = _TOKEN.fullmatch(token)
    if not found:
        raise CekalwatchError(Code.PAGE_TOKEN_INVALID)
    return Position(int(found[1]), int(found[2]))


def _action(value: str) -> Action | None:
    """Read an action; None: any."""
    try:
        return Action(value) if value else None
    except ValueError:
        raise Refused("action") from None


def _format(value: pb.AuditExportFormat.ValueType) -> ExportFormat:
    try:
        return EXPORT_FORMATS.read(value, Reading.STRICT) or ExportFormat.JSONL
    except ValueError:
        raise Refused("format") from None


def _stamps(since: datetime | None, until: datetime | None) -> tuple[str, str]:
    """Return a span of time as the trail writes moments, empty where it is open."""
    first, last = (stamp(one) if one else "" for one in (since, until))
    if first and last and last <= first:
        raise Refused("end_time")
    return first, last


class _Stopped(Exception):  # noqa: N818  # no error: the client has left
    """The check is no longer needed."""


@dataclass
class _Verification:
    """A check that runs in a thread, and reports its progress."""

    call: LongCall
    head: Callable[[], tuple[int, str]]
    make: Callable[[], TrailCheck]
    checked: int = 0
    total: int = 0
    problems: list[TrailProblem] = field(default_factory=list)
    counts: Counter[TrailProblemKind | None] = field(default_factory=Counter)

    def run(self) -> TrailCheck:
        """Check to the end, and return the check; raises what reading the trail does."""
        self.total, _ = self.head()
        check = self.make()
        for one in check.problems(self._counted):
            self.counts[one.kind] += 1
            if self.counts[one.kind] <= MAX_OF_A_KIND:
                self.problems.append(one)
        return check

    def _counted(self, links: Iterable[Link]) -> Iterator[Link]:
        for one in links:
            if self.checked % PAUSE_EACH == 0:
                if self.call.ended:
                    raise _Stopped
                time.sleep(PAUSE_S)
            self.checked += 1
            yield one


class _Export:
    """The parts of an export."""

    def __init__(self, links: Iterator[Link], form: ExportFormat) -> None:
        self._links = links
        self._form = form
        self.entries = 0
        """The number of exported entries."""

    def parts(self) -> Generator[bytes, None, None]:
        """Yield the bytes, as many as go into a message; it blocks."""
        waiting = bytearray()
        for line in written(self._counted(), self._form):
            waiting += line.encode()
            while len(waiting) >= EXPORT_BYTES:
                yield bytes(waiting[:EXPORT_BYTES])
                del waiting[:EXPORT_BYTES]
        if waiting:
            yield bytes(waiting)

    def _counted(self) -> Iterator[Link]:
        for one in self._links:
            self.entries += 1
            yield one

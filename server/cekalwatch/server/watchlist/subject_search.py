"""Finds subjects by sealed data (names, agencies) and by statuses, which are computed.

The facts for a filter are read and computed once for each subject, kept in memory, and forgotten when the subject
changes or is removed. So a search reads little more than the subjects that it finds.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Final, Self

from cekalwatch.contract.values.orders import OrderKind, OrderStatus
from cekalwatch.contract.values.watchlist import WatchlistFilter, WatchlistProblem
from cekalwatch.server.domain.orders.ban_order import WIB, BanOrder, SubjectFile
from cekalwatch.server.domain.orders.law import Checkpoints, OrderStanding
from cekalwatch.server.domain.orders.law_table import Law
from cekalwatch.server.storage.watchlist.store import WatchlistStore

READ_AT_ONCE: Final = 200
MAX_READ: Final = 2_000
"""Most subjects that one search reads. A search that needs more ends there, and returns its position."""
MAX_HELD: Final = 100_000
"""Subjects that are held, each with one to two kilobytes; the others are read in each search."""
KEYS_AT_ONCE: Final = 5_000


@dataclass(frozen=True)
class FoundKeys:
    """The result of a search."""

    subject_ids: list[str]
    """In order."""
    more_after: str
    """ID of the subject after which there may be more; empty at the end."""


class SubjectSearch:
    """Searches the present watchlist. Threads may share it; it blocks, and raises StorageError."""

    def __init__(
        self, store: WatchlistStore, checkpoints: Checkpoints, site: str, model_version: Callable[[], str]
    ) -> None:
        """`site` is the checkpoint whose clock decides statuses; `model_version` names the model in use."""
        self._store = store
        self._checkpoints = checkpoints
        self._site = site
        self.model_version = model_version
        self._searching = threading.Lock()
        self._model = ""
        self._law: Law | None = None
        self._version: int | None = None
        self._keys: list[str] = []
        self._held: dict[str, SubjectTraits | None] = {}
        """None: the subject is damaged."""

    def find(self, wanted: WatchlistFilter, at: datetime, after: str, most: int) -> FoundKeys:
        """Return the first subjects after the key `after` that meet `wanted`, with statuses as of the moment `at`.

        At most `most` subjects, or fewer after it has read MAX_READ.
        """
        meets = condition(wanted, at, self._checkpoints.zones.get(self._site, WIB))
        found: list[str] = []
        read = 0
        with self._searching:
            self._follow()
            keys = self._store.held([wanted.subject_id]) if wanted.subject_id else self._keys
            place = bisect_right(keys, after)
            while place < len(keys) and len(found) < most:
                piece = keys[place : place + READ_AT_ONCE]
                unknown = [key for key in piece if key not in self._held]
                if read and read + len(unknown) > MAX_READ:
                    break
                read += len(unknown)
                fresh = self._read(unknown)
                for key in piece:
                    place += 1
                    traits = fresh.get(key) or self._held.get(key)
                    if traits and meets(traits):
                        found.append(key)
                        if len(found) == most:
                            break
            return FoundKeys(found, keys[place - 1] if 0 < place < len(keys) else "")

    def forget_changed(self) -> None:
        """Forget subjects that were changed or deleted, without waiting for the next search."""
        with self._searching:
            if self._version is not None:
                self._follow()

    def _follow(self) -> None:
        """Update the keys, and forget outdated facts."""
        model, law = self.model_version(), self._checkpoints.law
        if model != self._model or law is not self._law:
            self._model, self._law = model, law
            self._held.clear()
        version = self._store.version()
        if self._version is None:
            self._keys = self._all_keys()
        elif version != self._version:
            changed = self._store.changed_since(self._version)
            for key in changed:
                self._held.pop(key, None)
            self._keys = sorted(set(self._keys).difference(changed).union(self._store.held(changed)))
        self._version = version

    def _all_keys(self) -> list[str]:
        keys: list[str] = []
        while some := self._store.subject_keys(keys[-1] if keys else "", KEYS_AT_ONCE):
            keys += some
        return sorted(keys)

    def _read(self, keys: Sequence[str]) -> dict[str, SubjectTraits | None]:
        """Read the traits of subjects, and hold them while there is room."""
        if not keys:
            return {}
        files = self._store.get_subjects(keys)
        faces = [face.reference_id for file in files for face in file.references]
        fresh = self._store.with_template(faces, self._model) if faces else set()
        read: dict[str, SubjectTraits | None] = dict.fromkeys(keys)
        for file in files:
            stale = any(face.reference_id not in fresh for face in file.references)
            standings = self._checkpoints.standings(file, self._site)
            read[file.subject.subject_id] = SubjectTraits.of(file, standings, stale=stale)
        for key, traits in read.items():
            if len(self._held) < MAX_HELD:
                self._held[key] = traits
        return read


_ABOUT_ORDERS: Final = frozenset({WatchlistProblem.INVALID, WatchlistProblem.FLAGGED})


@dataclass(frozen=True, slots=True)
class _OrderTraits:
    kind: OrderKind
    agency: str
    standing: OrderStanding


@dataclass(frozen=True, slots=True)
class SubjectTraits:
    """What of a subject a filter asks about. Texts are folded: compare them with folded ones."""

    names: tuple[str, ...]
    keys: tuple[str, ...]
    """Of the subject and its orders, and the numbers of decrees."""
    orders: tuple[_OrderTraits, ...]
    photographs: int
    stale: bool
    """Whether a photograph has no template of the model in use."""

    @classmethod
    def of(cls, file: SubjectFile, standings: Iterable[tuple[BanOrder, OrderStanding]], *, stale: bool) -> Self:
        """Return those of a subject."""
        subject = file.subject
        keys = [subject.subject_id]
        for order in file.orders:
            keys += filter(None, (order.order_id, order.decree_number))
        return cls(
            tuple(map(_folded, (subject.name, *subject.aliases))),
            tuple(dict.fromkeys(map(_folded, keys))),
            tuple(_OrderTraits(one.kind, _folded(one.requesting_agency), standing) for one, standing in standings),
            len(file.references),
            stale,
        )


def condition(wanted: WatchlistFilter, at: datetime, zone: tzinfo) -> Callable[[SubjectTraits], bool]:
    """Return a test whether a subject meets `wanted`, with statuses as of `at` at a checkpoint in `zone`.

    The caller checks the subject's key itself.
    """
    name, text, agency = _folded(wanted.name), _folded(wanted.text), _folded(wanted.agency)
    about_orders = wanted.status or wanted.kind or agency or wanted.problem in _ABOUT_ORDERS

    def is_wanted_order(one: _OrderTraits) -> bool:
        if (wanted.kind and one.kind is not wanted.kind) or agency not in one.agency:
            return False
        judgement = one.standing.now(at, zone)
        return (
            (wanted.status is None or judgement.status is wanted.status)
            and (wanted.problem is not WatchlistProblem.INVALID or judgement.status is OrderStatus.INVALID)
            and (wanted.problem is not WatchlistProblem.FLAGGED or bool(judgement.flags))
        )

    def is_wanted(one: SubjectTraits) -> bool:
        if name and not any(name in each for each in one.names):
            return False
        if text and not any(text in each for each in (*one.names, *one.keys)):
            return False
        match wanted.problem:
            case WatchlistProblem.NO_REFERENCE if one.photographs:
                return False
            case WatchlistProblem.STALE_MODEL if not one.stale:
                return False
        return not about_orders or any(map(is_wanted_order, one.orders))

    return is_wanted


def _folded(text: str) -> str:
    """Return a text so that two which differ in case and spaces are the same."""
    return " ".join(text.casefold().split())

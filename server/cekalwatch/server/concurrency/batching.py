"""Work in batches on worker threads, awaited from the event loop, and the queue in which callers take turns.

There is no waiting for a batch to fill: a worker takes what has queued up while it was busy, so that an idle server
answers at once and a busy one works in full batches. It knows nothing of faces.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from cekalwatch.program.loops import LOOPS
from cekalwatch.server.concurrency.priorities import Priority
from cekalwatch.server.foundation.probes import BatchMeasure, unmeasured

Item = TypeVar("Item")
Result = TypeVar("Result")


OLDEST_EVERY = 4
"""Where not all have precedence 0, every fourth is the one that has waited longest: none starves."""


@dataclass(eq=False)
class _Queued(Generic[Item]):
    """An item that waits in the line of its precedence and party, of which the oldest is on the left."""

    item: Item
    line: tuple[int, Hashable]
    since_s: float


class FairQueue(Generic[Item]):
    """Any number of threads put and get. The highest precedence goes first; of each, the parties take turns.

    A party's items keep their order at precedence 0, and go newest first above it.
    """

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._lines: dict[int, OrderedDict[Hashable, deque[_Queued[Item]]]] = {}
        """What waits, by precedence and party; only what is not empty."""
        self._by_age: OrderedDict[_Queued[Item], None] = OrderedDict()
        self._now_s = now_s
        self._taken = 0
        self._takers = 0
        """Threads that wait in `get`."""
        self._changed = threading.Condition()
        self._closed = False

    def put(self, party: Hashable, item: Item, precedence: int = 0) -> None:
        """Let `item` wait for the turn of `party`."""
        with self._changed:
            waiting = _Queued(item, (precedence, party), self._now_s())
            self._lines.setdefault(precedence, OrderedDict()).setdefault(party, deque()).append(waiting)
            self._by_age[waiting] = None
            self._changed.notify()

    def __len__(self) -> int:
        """Count the items that wait."""
        with self._changed:
            return len(self._by_age)

    @property
    def oldest_s(self) -> float:
        """How long the oldest item has waited, seconds; 0 when none waits."""
        with self._changed:
            return self._now_s() - next(iter(self._by_age)).since_s if self._by_age else 0.0

    def get(self, most: int) -> list[Item]:
        """Wait for items and return at most `most`, the highest precedence first; none once it is closed and empty.

        What is there is returned at once: there is no waiting for more. Threads that wait share it out evenly.
        """
        with self._changed:
            self._takers += 1
            self._changed.wait_for(lambda: self._by_age or self._closed)
            share = min(most, -(-len(self._by_age) // self._takers))
            self._takers -= 1
            return [self._next() for _ in range(share)]

    def _next(self) -> Item:
        self._taken += 1
        if self._taken % OLDEST_EVERY == 0 and max(self._lines) > 0:
            precedence, party = next(iter(self._by_age)).line
            waiting = self._lines[precedence][party].popleft()
        else:
            precedence = max(self._lines)
            party, items = next(iter(self._lines[precedence].items()))
            waiting = items.pop() if precedence else items.popleft()
        parties = self._lines[precedence]
        parties.move_to_end(party)
        if not parties[party]:
            del parties[party]
        if not parties:
            del self._lines[precedence]
        del self._by_age[waiting]
        return waiting.item

    def close(self) -> None:
        """Process the waiting items to the end, and wake waiting threads."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


class BatchWorker(Generic[Item, Result]):
    """Threads that turn batches of items into as many results. `work` may give an exception in place of a result.

    An error in `unwell` that `work` raises is one of the worker and not of its items: each caller gets it, and the
    worker pauses as a loop that fails, which is logged and shown. `measure` is told of each batch.
    Each `party` of an item gets its turn in every round: one that has many items waiting delays its own only. What has
    a higher `precedence`, of 0 and more, goes first.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[list[Item]], Sequence[Result | Exception]],
        *,
        threads: int,
        most: int,
        party: Callable[[Item], Hashable] = lambda _: None,
        precedence: Callable[[Item], int] = lambda _: 0,
        unwell: tuple[type[Exception], ...] = (),
        measure: BatchMeasure = unmeasured,
        priority: Priority = Priority.SERVING,
    ) -> None:
        self._work = work
        self._priority = priority
        self._measure = measure
        self._unwell = unwell
        self._most = most
        self._party = party
        self._precedence = precedence
        self._queue: FairQueue[tuple[Item, asyncio.Future[Result]]] = FairQueue()
        names = (f"{name}-{number}" for number in range(threads))
        self._threads = [threading.Thread(target=partial(self._run, one), name=one, daemon=True) for one in names]
        for thread in self._threads:
            thread.start()

    @property
    def waiting(self) -> int:
        """How many items wait for a worker."""
        return len(self._queue)

    @property
    def oldest_s(self) -> float:
        """How long the oldest of them has waited, seconds."""
        return self._queue.oldest_s

    async def do(self, item: Item) -> Result:
        """Return the result for `item`; raises what `work` raised, or gave, for it."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._queue.put(self._party(item), (item, future), self._precedence(item))
        return await future

    def close(self) -> None:
        """Finish what is queued, and end the threads."""
        self._queue.close()
        for thread in self._threads:
            thread.join()

    def _run(self, name: str) -> None:
        self._priority.take()
        LOOPS.keep_here(name, self._round)

    def _round(self) -> bool:
        batch = self._queue.get(self._most)
        results: Sequence[Result | Exception]
        failure: Exception | None = None
        begun_s = time.perf_counter()
        try:
            results = self._work([item for item, _ in batch]) if batch else ()
            if len(results) != len(batch):
                raise ValueError(f"{len(results)} results of {len(batch)} items")
        except Exception as error:  # noqa: BLE001  # each caller gets it
            results = [error] * len(batch)
            failure = error if isinstance(error, self._unwell) else None
        if batch:
            self._measure(len(batch), time.perf_counter() - begun_s)
        _deliver([future for _, future in batch], results)
        if failure:
            raise failure
        return bool(batch)


def _deliver(futures: list[asyncio.Future[Result]], results: Sequence[Result | Exception]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Result], Result | Exception]]] = {}
    for future, result in zip(futures, results, strict=True):
        by_loop.setdefault(future.get_loop(), []).append((future, result))
    for loop, pairs in by_loop.items():
        with contextlib.suppress(RuntimeError):  # the loop has closed: nobody waits
            loop.call_soon_threadsafe(_settle, pairs)


def _settle(pairs: list[tuple[asyncio.Future[Result], Result | Exception]]) -> None:
    for future, result in pairs:
        if future.cancelled():
            continue
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)

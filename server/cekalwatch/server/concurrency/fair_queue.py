"""A queue in which each party's next item has its turn, however many items the others have waiting."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Hashable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class FairQueue(Generic[Item]):
    """Any number of threads put and get. A party's items keep their order."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[Hashable, deque[Item]] = OrderedDict()
        self._changed = threading.Condition()
        self._closed = False

    def put(self, party: Hashable, item: Item) -> None:
        """Let `item` wait for the turn of `party`."""
        with self._changed:
            self._waiting.setdefault(party, deque()).append(item)
            self._changed.notify()

    def __len__(self) -> int:
        """Count the items that wait."""
        with self._changed:
            return sum(map(len, self._waiting.values()))

    def get(self, most: int) -> list[Item]:
        """Wait for items and return at most `most`, one of each party after another; none once it is closed and empty.

        What is there is returned at once: there is no waiting for more.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            found: list[Item] = []
            while self._waiting and len(found) < most:
                party, items = self._waiting.popitem(last=False)
                found.append(items.popleft())
                if items:
                    self._waiting[party] = items
            return found

    def close(self) -> None:
        """Take the waiting items to the end, and wake whoever waits for more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

"""A port at its peak: people arrive at random, sixty a minute, and the capture host sees some crops of each.

It remembers of each crop when the camera took it, until its receipt comes.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterable, Sequence

from benchmarks.chaos.machines.capture_hosts import CaptureHost
from benchmarks.chaos.people import Traveller
from benchmarks.soak.travellers import Public

ARRIVALS_PER_MINUTE = 60.0
LISTED_SHARE = 0.1
"""Far more than any port has: so that officers have something to do."""
CROPS = (2, 5)
"""Fewest and most crops of a passage."""
CROP_EVERY_S = 0.4


class Receipts:
    """What became of captures, for the host's reading thread and whoever asks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._offered_s: dict[str, float] = {}
        self._delays_ms: list[float] = []
        self.complaints: list[str] = []
        """Captures that the server rejected."""

    def offered(self, capture_id: str) -> None:
        """Note that a crop is given to its camera now."""
        with self._lock:
            self._offered_s[capture_id] = time.monotonic()

    def taken(self, capture_id: str) -> None:
        """A camera took what it was offered: nothing to note."""

    def has_receipt(self, capture_id: str) -> None:
        """Note that a crop has its receipt."""
        with self._lock:
            self._delays_ms.append((time.monotonic() - self._offered_s.pop(capture_id)) * 1000)

    def dropped(self, capture_id: str) -> None:
        """Note that a camera gave a crop up."""
        with self._lock:
            self._offered_s.pop(capture_id)
            self.complaints.append(f"the server rejected the capture {capture_id}")

    def host_killed(self, cameras: Iterable[str]) -> None:
        """Note that the host died, which nobody wants here."""
        with self._lock:
            self.complaints.append(f"the capture host of {', '.join(cameras)} was killed")

    def waiting(self, longer_than_s: float) -> int:
        """Return how many crops have waited for their receipt so long."""
        with self._lock:
            return sum(time.monotonic() - one > longer_than_s for one in self._offered_s.values())

    def take_delays_ms(self) -> list[float]:
        """Return from crop to receipt, of all receipts since the last call."""
        with self._lock:
            taken, self._delays_ms = self._delays_ms, []
            return taken


class Arrivals(threading.Thread):
    """Lets people arrive until `close`. Each listed person comes once; then they begin again."""

    def __init__(self, people: Public, host: CaptureHost, receipts: Receipts, seed: str) -> None:
        super().__init__(name="arrivals", daemon=True)
        self._host, self._receipts = host, receipts
        self._chance = random.Random(seed)  # noqa: S311  # who passes, no secret
        self._turns = {True: people.listed, False: people.strangers}
        self._counts = {True: 0, False: 0}
        self._closed = threading.Event()
        self._crops: list[tuple[float, str, str, Traveller]] = []
        """When which camera sees whom in which passage, the next one first."""

    @property
    def passages(self) -> int:
        """How many have arrived."""
        return sum(self._counts.values())

    @property
    def listed_passages(self) -> int:
        """How many of them are listed."""
        return self._counts[True]

    def close(self) -> None:
        """End."""
        self._closed.set()
        self.join()

    def run(self) -> None:
        """Let people arrive."""
        next_s = time.monotonic()
        while not self._closed.is_set():
            now_s = time.monotonic()
            while next_s <= now_s:
                self._arrive(next_s)
                next_s += self._chance.expovariate(ARRIVALS_PER_MINUTE / 60)
            while self._crops and self._crops[0][0] <= now_s:
                self._see(*self._crops.pop(0)[1:])
            due_s = min([next_s, *(one[0] for one in self._crops[:1])])
            self._closed.wait(max(0.0, due_s - time.monotonic()))

    def _arrive(self, at_s: float) -> None:
        listed = self._chance.random() < LISTED_SHARE
        turn: Sequence[Traveller] = self._turns[listed]
        traveller = turn[self._counts[listed] % len(turn)]
        self._counts[listed] += 1
        camera, track = self._chance.choice(self._host.cameras), str(self.passages)
        for number in range(self._chance.randint(*CROPS)):
            self._crops.append((at_s + number * CROP_EVERY_S, camera, track, traveller))
        self._crops.sort(key=lambda one: one[0])

    def _see(self, camera: str, track: str, traveller: Traveller) -> None:
        capture = traveller.seen(track, self._chance.uniform(0.5, 0.95), self._chance.randrange(2**32))
        self._receipts.offered(capture.capture_id)
        self._host.take(camera, capture)

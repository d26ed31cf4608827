"""A port at its peak: people pass as the timetable says, quarter by quarter, and the capture host sees crops of them.

Of each crop is remembered when the camera took it, until its receipt comes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Sequence

from benchmarks.chaos.machines.capture_hosts import CaptureHost
from benchmarks.soak.timetable import Crop


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
    """Lets people pass until `close`, in each quarter at the same moments."""

    def __init__(
        self, quarters: Iterator[Sequence[Crop]], quarter_s: float, host: CaptureHost, receipts: Receipts
    ) -> None:
        """`quarters`: the timetable of each, `quarter_s` their length."""
        super().__init__(name="arrivals", daemon=True)
        self._quarters, self._quarter_s = quarters, quarter_s
        self._host, self._receipts = host, receipts
        self._closed = threading.Event()
        self.passages = 0
        """How many have arrived."""
        self.listed_passages = 0
        """How many of them are listed."""

    def close(self) -> None:
        """End."""
        self._closed.set()
        self.join()

    def run(self) -> None:
        """Let people pass."""
        begun_s = time.monotonic()
        for number, quarter in enumerate(self._quarters):
            for crop in quarter:
                due_s = begun_s + number * self._quarter_s + crop.at_s
                if self._closed.wait(max(0.0, due_s - time.monotonic())):
                    return
                self._see(crop, f"{number}-{crop.passage}")

    def _see(self, crop: Crop, track: str) -> None:
        self.passages += crop.arrives
        self.listed_passages += crop.arrives and crop.listed
        capture = crop.traveller.seen(track, crop.score, crop.noise)
        self._receipts.offered(capture.capture_id)
        self._host.take(crop.camera_id, capture)

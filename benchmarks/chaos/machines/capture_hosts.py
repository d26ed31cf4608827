"""A bench's side of a capture host: gives it crops, and passes on what it says of them."""

from __future__ import annotations

import base64
import json
import queue
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from benchmarks.chaos.machines.process import Lives
from cekalwatch.camera.outbox import capture_message
from cekalwatch.contract.values.captures import FaceCapture

SPOOL_BYTES = 50_000_000


class CaptureRecord(Protocol):
    """What wants to know what became of captures; called from the host's reading thread."""

    def taken(self, capture_id: str) -> None:
        """Note that a camera has taken a crop."""

    def has_receipt(self, capture_id: str) -> None:
        """Note that a crop has its receipt."""

    def dropped(self, capture_id: str) -> None:
        """Note that a camera gave a crop up because the server rejects it."""

    def host_killed(self, cameras: Iterable[str]) -> None:
        """Note that the host dies now."""


class CaptureHost:
    """One capture host."""

    def __init__(
        self,
        name: str,
        folder: Path,
        addresses: Sequence[str],
        pack: Path,
        cameras: Mapping[str, Path],
        record: CaptureRecord,
        logs: Path,
    ) -> None:
        """`pack`: the model pack with their detector; `cameras`: the folder of each one's certificate."""
        self.name, self.folder, self.cameras = name, folder, tuple(cameras)
        self._record = record
        pairs = [part for key, tls_dir in cameras.items() for part in (key, str(tls_dir))]
        module = "benchmarks.chaos.machines.capture_host"
        self.program = Lives(
            name,
            ["-m", module, str(folder), ",".join(addresses), str(SPOOL_BYTES), str(pack), *pairs],
            logs,
            on_line=self._said,
            takes_input=True,
        )
        self._lock = threading.Lock()
        # Through a thread of its own: a host that hangs must not hold up who passes elsewhere.
        self._orders: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._unsaid = 0
        threading.Thread(target=self._feed, daemon=True, name=f"{name}-input").start()
        self._status: dict[str, dict[str, object]] = {}
        self._status_s = 0.0
        self.refused: dict[str, str] = {}
        """Why the server refused a camera last."""
        self.dropped = 0
        """Captures that cameras gave up, over all lives that have ended."""

    @property
    def spool(self) -> Path:
        """Where its cameras' captures wait."""
        return self.folder / "spool"

    def take(self, camera_id: str, capture: FaceCapture) -> None:
        """Let a camera take a crop; a host that is dead takes none."""
        content = base64.b64encode(capture_message.to_bytes(capture, "")).decode()
        self._order(json.dumps({"camera": camera_id, "capture": content}))

    def set_clock(self, ahead_s: float) -> None:
        """Set the host's clock, so much ahead of this machine's."""
        self._order(json.dumps({"clock_ahead_s": ahead_s}))

    def _order(self, line: str) -> None:
        with self._lock:
            self._unsaid += 1
        self._orders.put(line)

    def _feed(self) -> None:
        while True:
            line = self._orders.get()
            self.program.say(line)  # a host that is dead sees nothing
            with self._lock:
                self._unsaid -= 1

    def kill(self) -> None:
        """Cut its power."""
        self.program.kill()
        # What it had said before is known by now.
        self._record.host_killed(self.cameras)
        with self._lock:
            self.dropped += self._dropped_now()
            self._status = {}
            self.refused.clear()

    def waits(self, since_s: float) -> str:
        """Say what waits on it, by what it said after `since_s`; empty when nothing does."""
        with self._lock:
            if self._status_s <= since_s:
                return f"{self.name} has not told how it stands"
            if self._unsaid:
                return f"{self.name} has {self._unsaid} crops still to see"
            waiting = {key: one for key, one in self._status.items() if one["depth"] or one["stored"]}
        files = list(self.spool.rglob("*.capture")) if self.spool.exists() else []
        if waiting or files:
            return f"{self.name} holds {waiting or 'nothing in memory'}, and {len(files)} files; {self.refused or ''}"
        return ""

    @property
    def drops(self) -> int:
        """Captures that cameras gave up so far."""
        with self._lock:
            return self.dropped + self._dropped_now()

    def _dropped_now(self) -> int:
        return sum(int(str(one["dropped"])) for one in self._status.values())

    def _said(self, _: int, line: str) -> None:
        match json.loads(line):
            case {"taken": capture_id}:
                self._record.taken(capture_id)
            case {"receipt": capture_id}:
                self._record.has_receipt(capture_id)
            case {"dropped": capture_id}:
                self._record.dropped(capture_id)
            case {"refused": camera, "code": code}:
                with self._lock:
                    self.refused[camera] = code
            case {"status": status}:
                with self._lock:
                    self._status, self._status_s = status, time.monotonic()

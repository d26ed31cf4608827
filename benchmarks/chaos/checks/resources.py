"""Memory, descriptors and threads of a process that lives on are where they were when all first rested."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import psutil

from benchmarks.chaos.machines.process import Lives

MEMORY_SHARE, MEMORY_BYTES = 0.3, 60_000_000
"""By how much a process may have grown: by this share of what it had, and as many bytes."""
DESCRIPTORS = 40
"""A server that has just begun has few: there may come 15 connections to the database, one of each camera, and four of
each PC."""
THREADS = 20
"""Pools begin their threads as they need them."""


@dataclass(frozen=True)
class Taken:
    """What a process has."""

    memory_bytes: int
    descriptors: int
    threads: int


@dataclass
class Resources:
    """Remembers what each process had when it rested first."""

    _first: dict[int, Taken] = field(default_factory=dict)
    table: list[tuple[str, Taken, Taken]] = field(default_factory=list)
    """Of the last look: each process that was there before, then and now."""

    def wrong(self, programs: Iterable[Lives]) -> list[str]:
        """Look, and say which process has grown."""
        self.table = []
        for program in programs:
            if not program.running:
                continue
            process = psutil.Process(program.pid)
            now = Taken(process.memory_info().rss, process.num_fds(), process.num_threads())
            first = self._first.setdefault(program.pid, now)
            if first is not now:
                self.table.append((program.name, first, now))
        return [problem for name, first, now in self.table if (problem := growth(name, first, now))]


def growth(name: str, first: Taken, now: Taken) -> str:
    """Say by what a process has grown beyond the margin; empty when by nothing."""
    grown = []
    if now.memory_bytes > first.memory_bytes * (1 + MEMORY_SHARE) + MEMORY_BYTES:
        grown.append(f"memory from {first.memory_bytes / 1e6:.0f} to {now.memory_bytes / 1e6:.0f} MB")
    if now.descriptors > first.descriptors + DESCRIPTORS:
        grown.append(f"descriptors from {first.descriptors} to {now.descriptors}")
    if now.threads > first.threads + THREADS:
        grown.append(f"threads from {first.threads} to {now.threads}")
    return f"{name} has grown: {', '.join(grown)}" if grown else ""

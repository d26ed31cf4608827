"""What a confined process may use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Self


class Network(StrEnum):
    """What a confined process may do on networks."""

    NONE = "none"
    """It has no sockets."""
    CLIENT = "client"
    """It may connect; programs that fetch a stream need it."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Bounds of a process. It dies at those of memory and time; at the others its system calls fail."""

    memory_bytes: int
    """Address space, which a program that starts threads takes much of: 8 MB a thread."""
    processor_s: int
    """Processor time in seconds: of its whole life, for a function (`ConfinedPool`) of one conversation."""
    open_files: int = 64
    """Handles at once, its three standard ones among them."""
    written_bytes: int = 0
    """Largest size of a file that it writes."""
    processes: int | None = 0
    """Threads that it may start, and never processes; None: any number. On Windows they are processes."""
    network: Network = Network.NONE
    readable: tuple[Path, ...] = ()
    """Files and folders that it may read, with what is in them; programs and libraries may be read in any case."""
    devices: tuple[Path, ...] = ()
    """Device files, and other single files that are there, that it may read, write and control."""

    def __post_init__(self) -> None:
        if min(self.memory_bytes, self.processor_s, self.open_files) <= 0 or self.written_bytes < 0:
            raise ValueError("limits must be positive")

    def to_json(self) -> dict[str, Any]:
        paths = {name: [str(path) for path in getattr(self, name)] for name in ("readable", "devices")}
        return vars(self) | {"network": str(self.network)} | paths

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        paths = {name: tuple(map(Path, document[name])) for name in ("readable", "devices")}
        return cls(**{**document, "network": Network(document["network"]), **paths})

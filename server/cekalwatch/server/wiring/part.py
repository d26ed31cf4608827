"""What a step of the root returns: a part of the server, with the calls that it serves and its regular work."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from cekalwatch.server.cluster.jobs import PeriodicJob
from cekalwatch.server.grpc_api.served import Served


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of the server."""

    served: tuple[Served, ...] = ()
    jobs: tuple[PeriodicJob, ...] = ()

    def loops(self) -> tuple[Coroutine[Any, Any, None], ...]:
        """Return its loops, each of which has to be run."""
        return ()

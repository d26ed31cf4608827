"""The drill of a stolen PC: a device of its own is revoked, and the time until the server lets it in no more counts."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from cekalwatch.program.connection import open_dialer
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.pki.journal import PkiJournal
from cekalwatch.server.pki.site_pki import SitePki
from cekalwatch.wire.dialer import Dialer
from cekalwatch.wire.identity import DeviceRole, Identity

LIMIT_S = 60.0
"""Seconds after which the drill ends, whatever the server does."""
STREAM_LIMIT_S = 10.0
"""Seconds within which open streams of a revoked device end, as `pki revoke` promises."""
_RETRY_S = 0.2
_CALL_S = 5.0


@dataclass(frozen=True)
class StolenDevice:
    """How long a revoked device was still let in."""

    device: str
    """Its identity; it is revoked, and nobody has its key."""
    stream_s: float | None
    """Seconds from the revocation until its open stream had ended; None: not within `LIMIT_S`."""
    refused_s: float | None
    """Seconds until a new connection was refused."""

    @property
    def passed(self) -> bool:
        """Whether both happened in time."""
        return max(_at_most(self.stream_s), _at_most(self.refused_s)) <= STREAM_LIMIT_S


def _at_most(seconds: float | None) -> float:
    return LIMIT_S if seconds is None else seconds


def steal_device(
    pki: SitePki, journal: PkiJournal, address: str, site: str, folder: Path, now: datetime
) -> StolenDevice:
    """Issue a certificate into the new `folder`, connect to the server at `address` with it, revoke it, and time that.

    The trail records both. Raises ProgramError when the server does not let the device in to begin with. It blocks.
    """
    identity = Identity(DeviceRole.DIAGNOSTICS, site, f"drill-{now:%Y%m%dt%H%M%S}")
    journal.issued(identity, pki.issue(identity, [], folder, now, days=1), now)
    dialer, ends = open_dialer(address, folder), list[float]()
    with dialer.channel() as channel:
        watched: Any = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=LIMIT_S)
        watched.add_done_callback(lambda _: ends.append(time.monotonic()))
        try:
            next(watched)
        except grpc.RpcError as error:
            raise ProgramError(
                f"The server at {address} does not let the device of the drill in ({error.code().name}); is it this "
                "site's server?",
                Exit.UNAVAILABLE,
            ) from None
        finally:
            journal.revoked(identity, pki.revoke(identity, now), now)
        revoked_at = time.monotonic()
        refused_s = _seconds_until(revoked_at, lambda: _is_refused(dialer.another()))
        _seconds_until(revoked_at, lambda: bool(ends))
        in_time = watched.code() is grpc.StatusCode.UNAUTHENTICATED if ends else False
        watched.cancel()
    return StolenDevice(identity.uri, ends[0] - revoked_at if in_time else None, refused_s)


def _is_refused(dialer: Dialer) -> bool:
    with dialer.channel() as channel:
        try:
            health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=_CALL_S)
        except grpc.RpcError as error:
            return error.code() is grpc.StatusCode.UNAUTHENTICATED
    return False


def _seconds_until(since: float, happened: Callable[[], bool]) -> float | None:
    while time.monotonic() - since < LIMIT_S:
        if happened():
            return time.monotonic() - since
        time.sleep(_RETRY_S)
    return None

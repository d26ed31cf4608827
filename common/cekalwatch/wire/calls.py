"""Calls of one request and one answer, over a channel to the server in use, from any thread.

A call that finds no server is made again on the next one. It may have been carried out all the same, with its answer
lost: so it must be one that changes nothing when it comes twice, as a step that names the alert's version. What a
failed call says to a person are the server's own words where it said any, and never those of gRPC.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import grpc

from cekalwatch.wire.dialer import Dialer

Answer = TypeVar("Answer")


@dataclass(eq=False)
class _Line:
    """A channel, and how many calls go on in it."""

    channel: grpc.Channel
    address: str
    calls: int = 0
    retired: bool = False


class Calls:
    """Opens the channel with the first call, and another one when the certificate was renewed or the server is lost."""

    def __init__(self, dialer: Dialer) -> None:
        """The choice of servers is that of `dialer`: what else uses it goes along to the next server."""
        self._dialer = dialer.another()
        self._lock = threading.Lock()
        self._line: _Line | None = None

    def close(self) -> None:
        with self._lock:
            if self._line:
                self._line.channel.close()

    def make(self, call: Callable[[grpc.Channel, float], Answer], deadline_s: float) -> Answer:
        """Return what `call` answers, given a channel and the seconds left; raises grpc.RpcError of the last server."""
        servers = self._dialer.servers
        end_s = time.monotonic() + deadline_s
        for others_left in reversed(range(len(servers))):
            with self._lent() as line:
                try:
                    answer = call(line.channel, max(0.0, end_s - time.monotonic()))
                except grpc.RpcError as error:
                    if not _is_away(error):
                        raise
                    servers.lost(line.address)
                    if not others_left or time.monotonic() >= end_s:
                        raise
                else:
                    servers.reached(line.address)
                    return answer
        raise RuntimeError("there is always a server")

    def make_at_holder(
        self,
        call: Callable[[grpc.Channel, float], Answer],
        deadline_s: float,
        elsewhere: Callable[[grpc.RpcError], bool],
    ) -> Answer:
        """Return the answer of `call` from the server that has the requested data; it tries the one in use first.

        `elsewhere`: whether an answer says that another one has it. Raises grpc.RpcError: of the server that has it,
        or, when none of those that answer does, of the one in use.
        """
        end_s = time.monotonic() + deadline_s
        try:
            return self.make(call, deadline_s)
        except grpc.RpcError as error:
            if not elsewhere(error):
                raise
            in_use, refusal = self._dialer.servers.address, error
        for address in self._dialer.servers.addresses:
            if address != in_use and time.monotonic() < end_s:
                with self._dialer.to(address).channel() as channel:
                    try:
                        return call(channel, end_s - time.monotonic())
                    except grpc.RpcError as error:
                        if not (elsewhere(error) or _is_away(error)):
                            raise
        raise refusal

    @contextmanager
    def _lent(self) -> Iterator[_Line]:
        """Lend the channel of the server in use; a former one is closed when its last call has ended."""
        with self._lock:
            if self._line is None or self._dialer.outdated:
                if self._line:
                    self._retire(self._line)
                self._line = _Line(self._dialer.channel(), self._dialer.address)
            line = self._line
            line.calls += 1
        try:
            yield line
        finally:
            with self._lock:
                line.calls -= 1
                if line.retired and not line.calls:
                    line.channel.close()

    def _retire(self, line: _Line) -> None:
        line.retired = True
        if not line.calls:
            line.channel.close()


def _is_away(error: grpc.RpcError) -> bool:
    """Whether no server answered: the connection was not there, or broke."""
    return error.code() is grpc.StatusCode.UNAVAILABLE and not is_told(error)


STATUS_DETAILS = "grpc-status-details-bin"
"""Metadata that comes with each error of the server's catalogue, and with none of gRPC's own."""
PLAIN_WORDS = {
    grpc.StatusCode.UNAVAILABLE: "nobody answers there: check the address, the network, and whether the server runs",
    grpc.StatusCode.DEADLINE_EXCEEDED: "no answer came in time",
    grpc.StatusCode.CANCELLED: "the call was given up",
    grpc.StatusCode.UNIMPLEMENTED: "what answers there is no server of Cekalwatch, or one of another version",
    grpc.StatusCode.RESOURCE_EXHAUSTED: "the message is too large, or the server has no room for it",
}


def told_by(error: grpc.RpcError | grpc.aio.AioRpcError) -> str:
    """Return why a call failed."""
    if not isinstance(error, grpc.Call | grpc.aio.AioRpcError):
        return "the call failed"
    if is_told(error) and (details := error.details()):
        return str(details)
    return PLAIN_WORDS.get(error.code(), f"the call failed ({error.code().name})")


def is_told(error: grpc.RpcError | grpc.aio.AioRpcError) -> bool:
    """Whether the error of a call comes from a server; otherwise it is gRPC's, for example when no server answers."""
    metadata: Iterable[Any] = error.trailing_metadata() or ()  # pairs, with names in one kind of call only
    return any(key == STATUS_DETAILS for key, _ in metadata)

"""Calls a centre as a port, and reads its list: completely, or the changes since the last time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Self

import grpc
import uuid6
from cryptography import x509
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from cekalwatch.contract.calls.ports import FETCH_REFERENCES, READ_LIST
from cekalwatch.program.checks.certificate import identity_of, read_certificate
from cekalwatch.program.connection import open_dialer
from cekalwatch.program.errors import ProgramError
from cekalwatch.program.version import version
from cekalwatch.server.foundation.clock import Clock, SystemClock
from cekalwatch.server.foundation.errors import Code, Kind
from cekalwatch.server.watchlist.imports.records import Photograph
from cekalwatch.server.watchlist.sources.centre.records import photographs, subject_items
from cekalwatch.server.watchlist.sources.settings import CentreSettings
from cekalwatch.server.watchlist.sources.source import (
    CursorExpired,
    Reading,
    SourceMisconfigured,
    SourcePage,
    SourceRefused,
    SourceUnavailable,
    whole_reading_is_due,
)
from cekalwatch.v1 import list_feed_service_pb2 as pb
from cekalwatch.wire.calls import Calls, told_by
from cekalwatch.wire.dialer import Dialer, ServerChoice
from cekalwatch.wire.identity import DeviceRole, IdentityError

_REFUSES = frozenset({Kind.UNAUTHENTICATED, Kind.PERMISSION_DENIED})


@dataclass(frozen=True)
class PortCaller:
    """The identity of this server at the centre."""

    settings: CentreSettings
    sites: tuple[str, ...]
    """Those of this server's settings."""
    tls_dir: Path
    model_version: Callable[[], str]
    """Of the templates that this server searches."""
    run_id: str = field(default_factory=lambda: str(uuid6.uuid7()))
    """The id by which the centre distinguishes this program from another one with the same certificate."""

    def message(self) -> pb.PortServer:
        """Write it."""
        return pb.PortServer(
            sites=self.sites,
            run_id=self.run_id,
            model_version=self.model_version(),
            server_version=version(),
        )

    def dialer(self) -> Dialer:
        """Return the dialer to the centre; raises SourceMisconfigured for a certificate of another role."""
        try:
            dialer = open_dialer(ServerChoice(self.settings.addresses, self.sites[0]), self.tls_dir)
        except ProgramError as error:
            raise SourceMisconfigured(str(error)) from None
        if dialer.material is not None:
            self._check_certificate()
        return dialer

    def _check_certificate(self) -> None:
        try:
            identity = identity_of(read_certificate(self.tls_dir))
        except (OSError, ValueError, IdentityError, x509.ExtensionNotFound):
            raise SourceMisconfigured(f"The certificate in {self.tls_dir} names no device: accept it anew") from None
        if identity.role is not DeviceRole.PORT:
            raise SourceMisconfigured(
                f"The certificate in {self.tls_dir} is a {identity.role}'s: at the centre, pki invite --role port"
            )
        if identity.site not in self.sites:
            raise SourceRefused(
                Code.SITE_NOT_ALLOWED,
                f"The certificate in {self.tls_dir} is for the port {identity.site}, and this server's settings have "
                f"{', '.join(self.sites)}: take that port's own invitation",
            )


def told_code(error: grpc.RpcError | grpc.aio.AioRpcError) -> Code | None:
    """Return the catalogue's code that the centre sent with an error."""
    try:
        status = rpc_status.from_call(error)
    except ValueError:
        return None
    info = error_details_pb2.ErrorInfo()
    for detail in status.details if status else ():
        if detail.Unpack(info) and info.reason in set(Code):
            return Code(info.reason)
    return None


def meaning(error: grpc.RpcError | grpc.aio.AioRpcError, dialer: Dialer) -> SourceUnavailable | CursorExpired:
    """Return the meaning of a failed call to the centre. To find the reason, it may connect to the address, and
    block."""
    code, address = told_code(error), dialer.servers.address
    if code is Code.LIST_POSITION_UNKNOWN:
        return CursorExpired()
    if code and (code.kind in _REFUSES or code is Code.PORT_FOLLOWED_ELSEWHERE):
        return SourceRefused(code, f"The centre {address} refuses this server: {told_by(error)} See docs/ports.md")
    if isinstance(error, grpc.Call | grpc.aio.AioRpcError) and error.code() is grpc.StatusCode.UNIMPLEMENTED:
        return SourceMisconfigured(f"{address}: {told_by(error)}")
    reason = "" if code else dialer.why_refused()
    return SourceUnavailable(f"The centre {address} gives no list: {reason or told_by(error)}")


PAGE_S = 60.0
"""How long the centre may take for a page."""
PHOTOGRAPHS_S = 300.0
"""The same for all photographs of a subject."""
MAX_POSITION = 200
"""Characters of a position."""


@dataclass(frozen=True)
class _FeedPosition:
    """The position of the cursor."""

    at: str = ""
    whole: bool = True
    """Whether the reading began at the beginning."""
    whole_at: float = 0.0
    """When the last whole reading began, in seconds since 1970."""

    @property
    def text(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def of(cls, cursor: str) -> Self:
        """Read a cursor; raises CursorExpired for any other text."""
        if not cursor:
            return cls()
        try:
            match json.loads(cursor):
                case {"at": str(at), "whole": bool(whole), "whole_at": int() | float() as whole_at}:
                    return cls(at, whole, whole_at)
        except ValueError:
            pass
        raise CursorExpired


class CentreSource:
    """A source that is a centre."""

    def __init__(self, caller: PortCaller, clock: Clock | None = None) -> None:
        self._caller = caller
        self._clock = clock or SystemClock()
        self._dialer: Dialer | None = None
        self._calls: Calls | None = None

    @property
    def name(self) -> str:
        """The address, or the first of several."""
        return self._caller.settings.name

    def close(self) -> None:
        """Close the connection."""
        if self._calls:
            self._calls.close()
            self._calls = None

    def read(self, cursor: str) -> Reading:
        """Begin a reading, whole when it is due."""
        self.close()
        known = _FeedPosition.of(cursor)
        position = self._begun(known)
        self._dialer = self._caller.dialer()
        self._calls = Calls(self._dialer)
        first = self._page(position, known="" if position.at else known.at)
        return Reading(position.whole, None, self._pages(position, first))

    def _begun(self, position: _FeedPosition) -> _FeedPosition:
        if position.at and position.whole:
            return position  # of a whole reading that was broken off
        now = self._clock.now().timestamp()
        due = whole_reading_is_due(position.whole_at, now, self._caller.settings.whole_every_hours)
        return _FeedPosition(whole_at=now) if due or not position.at else position

    def _pages(self, position: _FeedPosition, page: pb.ReadListResponse) -> Iterator[SourcePage]:
        while True:
            onwards = bool(page.subjects) and page.position != position.at
            if not 0 < len(page.position) <= MAX_POSITION or (page.more and not onwards):
                raise SourceMisconfigured(
                    f"The pages of {self.name} lead nowhere: ask those who run it, and see that both have one version"
                )
            items = [item for one in page.subjects for item in subject_items(one, self._fetch)]
            position = replace(position, at=page.position, whole=position.whole and page.more)
            yield SourcePage(tuple(items), position.text)
            if not page.more:
                return
            page = self._page(position)

    def _page(self, position: _FeedPosition, known: str = "") -> pb.ReadListResponse:
        """Read the page at a position; `known`, at the beginning: the position up to which all has been read."""
        asked = READ_LIST(port=self._caller.message(), position=position.at, known_position=known)
        calls, dialer = self._opened()
        try:
            page: pb.ReadListResponse = calls.make(lambda channel, left_s: asked.on(channel, timeout=left_s), PAGE_S)
        except grpc.RpcError as error:
            raise meaning(error, dialer) from None
        return page

    def _fetch(self, subject_id: str, wanted: Sequence[pb.ListedReference]) -> tuple[Photograph, ...]:
        port = self._caller.message()
        keys = [one.reference_id for one in wanted]
        asked = FETCH_REFERENCES(port=port, subject_id=subject_id, reference_ids=keys)

        def call(channel: grpc.Channel, left_s: float) -> tuple[Photograph, ...]:
            pieces = asked.on(channel, timeout=left_s)
            try:
                return photographs(wanted, pieces, port.model_version)
            finally:
                pieces.cancel()

        calls, dialer = self._opened()
        try:
            return calls.make(call, PHOTOGRAPHS_S)
        except grpc.RpcError as error:
            raise meaning(error, dialer) from None

    def _opened(self) -> tuple[Calls, Dialer]:
        if self._calls is None or self._dialer is None:
            raise RuntimeError("orders of a reading that was closed can no longer be loaded")
        return self._calls, self._dialer

"""The connection of another system of the office: a device with a certificate, at which people may sign in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import structlog

from cekalwatch.client.alert_stream import AlertStream
from cekalwatch.client.errors import SetUpError, explains
from cekalwatch.client.list_import import ListImport, send_list
from cekalwatch.contract.values.alarms import Alarms
from cekalwatch.contract.values.alerts import AlertFilter
from cekalwatch.contract.values.imports import CellCorrection
from cekalwatch.contract.values.people import PersonSession
from cekalwatch.office.client.alarm_client import AlarmClient, AlarmSubscription
from cekalwatch.office.client.alert_client import AlertClient
from cekalwatch.office.client.import_client import ImportClient
from cekalwatch.office.client.session_client import Password, SessionClient
from cekalwatch.office.client.subscription import Start, Subscription, SubscriptionClient
from cekalwatch.office.client.watchlist_client import SubjectClient
from cekalwatch.wire.address import AddressError, split_address
from cekalwatch.wire.calls import Calls
from cekalwatch.wire.dialer import Dialer, ServerChoice
from cekalwatch.wire.tls import FollowedTls, TlsError, TlsFiles

SILENCE_S: Final = 30.0
"""Seconds without a message after which a stream counts as broken."""

log = structlog.get_logger()


class _Explained:
    """Raises this library's errors for those of gRPC, in every call of a client."""

    def ask(self, *given: Any, **named: Any) -> Any:  # noqa: ANN401  # as the client that it is mixed into
        """Make a call."""
        return explains(super().ask)(*given, **named)  # type: ignore[misc]


class Steps(_Explained, AlertClient):
    """Alerts: listing them, looking at one, and every step of a judgement. A signed-in person is needed."""


class Subjects(_Explained, SubjectClient):
    """The list: subjects, their orders and history. A signed-in list manager is needed."""


class Problems(_Explained, AlarmClient):
    """Problems of cameras, servers and sources: `open` needs nobody, the other calls a signed-in person."""


class Sessions(_Explained, SessionClient):
    """Sign-in at this device."""


class _HeldToken:
    """The token of the signed-in person, in memory only."""

    def __init__(self) -> None:
        self._token = ""

    def token(self) -> str:
        return self._token

    def keep(self, token: str) -> None:
        self._token = token

    def forget(self) -> None:
        self._token = ""


class Client:
    """It may be used from several threads. What it may do is decided by the server: by the certificate of this device,
    and by the roles of who has signed in.
    """

    def __init__(
        self,
        servers: str | Sequence[str],
        tls_dir: Path | str | None,
        name: str,
        *,
        site: str = "",
        counters: Iterable[str] = (),
        rings: bool = False,
    ) -> None:
        """Nothing is sent yet. Raises SetUpError.

        `servers`: HOST:PORT, or several that share a database. `tls_dir`: folder with certificate.pem, key.pem and
        authority.pem, read again when they are renewed; None only for a server on this machine that has no
        certificates. `name`: this device's, as its certificate has it. `site` and `counters`: whose alerts to get;
        empty for all of the device's site. `rings`: whether a person at a counter hears of alerts by this program, so
        that it counts as the counter's PC.
        """
        self._dialer = open_device((servers,) if isinstance(servers, str) else servers, tls_dir, name)
        self._name, self._rings = name, rings
        self._filter = AlertFilter(site, frozenset(counters))
        self._token = _HeldToken()
        self._sessions = Sessions(self._dialer, self._token)
        self._ends = ExitStack()
        calls = self._ends.enter_context(closing(Calls(self._dialer)))
        self.steps = Steps(calls, name, self._filter, self._token)
        """The calls about alerts."""
        self.subjects = Subjects(calls, self._token)
        """The calls about the list."""
        self.problems = Problems(calls, site, self._token)
        """The calls about problems."""
        self._streams: list[AlertStream] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End every stream and call. Who has signed in stays so until their session ends: see `sign_out`."""
        self._ends.close()

    def sign_in(self, name: str, password: str) -> PersonSession:
        """Sign a person in; the token stays in memory. Streams name people from then on. Raises CallError."""
        session = self._sessions.sign_in(Password(name, password))
        for one in self._streams:
            one.person_came()
        return session

    def sign_out(self) -> None:
        """End the person's session. Raises CallError where no server can be told; then it ends by itself."""
        self._sessions.sign_out()

    def alerts(self, start: Start = Start.ACKNOWLEDGED) -> AlertStream:
        """Return the stream of alerts: iterate over it. A device has one; a second one ends the first.

        Without a signed-in person its alerts name nobody. It goes on after what this device has acknowledged, also
        after a restart; a new device gets what happens from now on. It reconnects by itself.
        """
        client = SubscriptionClient(
            self._dialer.another(), self._name, self._filter, self._token, rings_nowhere=not self._rings
        )
        stream = self._ends.enter_context(AlertStream(client, Subscription(client, start, SILENCE_S)))
        self._streams.append(stream)
        return stream

    def watch_problems(self) -> Iterator[Alarms]:
        """Yield the present problems of cameras, servers and sources, and again after each change, until `close`.

        It reconnects by itself. It needs nobody to be signed in.
        """
        subscription = AlarmSubscription(self._dialer.another(), self._filter.site, SILENCE_S)
        self._ends.callback(subscription.stop)
        return subscription.updates()

    def preview_list(
        self, file: Path | str, corrections: Iterable[CellCorrection] = (), encoding: str = "utf-8"
    ) -> ListImport:
        """Return what an import of a list file would do, with its digest. Raises CallError, OSError."""
        return send_list(ImportClient(self._dialer, self._token), Path(file), "", corrections, encoding)

    def import_list(
        self, file: Path | str, digest: str, corrections: Iterable[CellCorrection] = (), encoding: str = "utf-8"
    ) -> ListImport:
        """Import a list file exactly as the preview with that digest showed it. Raises CallError, OSError."""
        return send_list(ImportClient(self._dialer, self._token), Path(file), digest, corrections, encoding)


def open_device(servers: Sequence[str], tls_dir: Path | str | None, name: str) -> Dialer:
    """Return what opens channels to `servers` with the certificate in `tls_dir`; raises SetUpError."""
    try:
        for one in servers:
            split_address(one)
        tls = FollowedTls(TlsFiles(Path(tls_dir)), _note_problem) if tls_dir is not None else None
        return Dialer(ServerChoice(servers, name), tls)
    except (TlsError, AddressError) as error:
        raise SetUpError(str(error)) from None


def _note_problem(problem: str) -> None:
    log.error("certificate_not_renewed", problem=problem)

"""The running server for commands, and the same work in this process where none runs."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.cli.options import command_context

if TYPE_CHECKING:
    from datetime import datetime

    from cekalwatch.contract.values.imports import SyncRun, SyncStatus
    from cekalwatch.server.settings.settings import ServerSettings
    from cekalwatch.server.watchlist.imports.import_run import ImportRun
    from cekalwatch.server.watchlist.sync.schedule import SyncService
    from cekalwatch.server.wiring.storage import Context
    from cekalwatch.server.wiring.watchlist import Imports
    from cekalwatch.wire.dialer import Dialer


CONNECT_TIMEOUT_S = 3.0
EVERY_INTERFACE = frozenset({"0.0.0.0", "::"})  # noqa: S104  # what `listen` may say; nothing is bound here


def running_server(settings: ServerSettings, given: str | None) -> Dialer | None:
    """Return how to reach the running server, or None when the configured one is down. Raises ProgramError.

    It shows the server's own certificate: whoever may read its key administers the server.
    """
    from cekalwatch.program.connection import open_dialer
    from cekalwatch.wire.address import AddressError, split_address

    try:
        host, port = split_address(given or settings.listen)
    except AddressError as error:
        raise ProgramError(f"--server: {error}", Exit.USAGE) from None
    if port == 0:
        raise ProgramError(
            "The server's port is not configured (`listen` ends in 0): give --server HOST:PORT, or --offline",
            Exit.USAGE,
        )
    address = given or (f"127.0.0.1:{port}" if host in EVERY_INTERFACE else settings.listen)
    dialer = open_dialer(address, settings.tls_path)
    try:
        socket.create_connection(split_address(address), CONNECT_TIMEOUT_S).close()
    except ConnectionRefusedError:
        if given:
            raise ProgramError(f"No server is running at {address}", Exit.UNAVAILABLE) from None
        return None
    except OSError as error:
        raise ProgramError(f"Cannot reach the server at {address}: {error}", Exit.UNAVAILABLE) from None
    return dialer


@contextmanager
def local_import(settings: ServerSettings) -> Iterator[ImportRun]:
    """Give an import by the account that runs the command, as many threads at once as the settings say."""
    with command_context(settings) as context, closing(local_imports(context).begin_by_hand(context.actor)) as run:
        yield run


class LocalSyncs:
    """The synchronisation in this process; see RemoteSyncs."""

    def __init__(self, service: SyncService, context: Context) -> None:
        self._service = service
        self._context = context

    def start(self, *, from_start: bool) -> int:
        """Begin a run on a thread, and return its key."""
        return self._service.start(self._context.actor, from_start=from_start)

    def run(self, run_id: int) -> SyncRun:
        """Return the present state of the run."""
        return self._service.runs(1, run_id + 1)[0]

    def status(self) -> tuple[SyncStatus, datetime | None]:
        """Return the status, and when the source was last synchronised with (without one: a list imported)."""
        status = self._service.status()
        return status, self._context.stores.watchlist.last_success_at(status.source)


@contextmanager
def local_syncs(settings: ServerSettings) -> Iterator[LocalSyncs]:
    """Yield the synchronisation of the configured database; leaving breaks off a run that is under way."""
    from cekalwatch.server.watchlist.sync.schedule import SyncService

    with command_context(settings) as context:
        service = SyncService(context.stores.syncs, local_imports(context).scheduler(), context.clock)
        yield LocalSyncs(service, context)


def local_imports(context: Context) -> Imports:
    """Return what begins imports; the model pack and the list are loaded when they are needed."""
    from functools import cache

    from cekalwatch.server.gallery.lookalikes import load_list
    from cekalwatch.server.gallery.model_follower import open_pack, pack_in_use
    from cekalwatch.server.recognition.engine_in_use import EngineInUse
    from cekalwatch.server.recognition.photographs import PhotographDecoder
    from cekalwatch.server.wiring.watchlist import Imports
    from cekalwatch.vision.runtime import limit_native_threads

    settings, stores = context.settings, context.stores
    # Photographs side by side, each on one thread, come faster than one after another on all.
    limit_native_threads(1)
    pack = cache(lambda: pack_in_use(settings, stores.models))
    decoder = PhotographDecoder(settings.threads)
    context.stack.callback(decoder.close)
    engines = cache(lambda: EngineInUse(open_pack(settings, pack()), settings.threads, decoder.decode))
    listed = cache(lambda: load_list(stores.watchlist.templates, pack(), settings.gallery_storage))
    return Imports(context, engines, listed)

"""The open calls: each is completely admitted again and again, and ends when it would be refused.

An officer's PC and a console have one stream of each kind: of a device whose key was copied the newest wins, so that
the copy keeps the device from nothing, and people are told that there were two.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import structlog

from cekalwatch.program.loops import LOOPS
from cekalwatch.server.auth.admission import Admission
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.storage.errors import StorageError
from cekalwatch.wire.identity import DeviceRole, Identity

CHECK_PERIOD_S = 0.5
"""Pause between two checks of open calls: a lost right must take effect within a second."""
MAX_UNCHECKED_S = 30.0
"""How long a call may continue while the database cannot say whether its person has the right."""

ONE_OF_A_DEVICE: Final = frozenset(
    {"/cekalwatch.v1.AlertService/SubscribeAlerts", "/cekalwatch.v1.TroubleService/WatchTroubles"}
)
"""Streams of which a notifier and a console each have one."""
SIGNS_OUT: Final = "/cekalwatch.v1.SessionService/SignOut"
"""It ends its own session, and still has to answer."""

log = structlog.get_logger()


@dataclass(eq=False)
class OpenCall:
    """An open call; `ended` says why it had to end."""

    task: asyncio.Task[Any]
    admission: Admission
    """The device alone until its people are checked."""
    checked_s: float
    """When its person was checked last, in seconds of the event loop."""
    ended: Code | None = None
    address: str = ""
    """Where it comes from, without the port."""
    used: bool = False
    """Whether a message came since the last check, so that its person is not idle."""


class OpenCalls:
    """Of one server; it is called from the event loop."""

    def __init__(
        self,
        follow_revocations: Callable[[], object],
        clock: Clock,
        displaced: Callable[[Identity, bool], None] = lambda _, __: None,
    ) -> None:
        """`follow_revocations` reads the revocation lists on a thread; `displaced` is told of each device whose stream
        another one took the place of, and whether that came from another address.
        """
        self._clock = clock
        self._displaced = displaced
        self._follow_revocations = follow_revocations
        self._calls: set[OpenCall] = set()
        self._places: dict[tuple[str, Identity], OpenCall] = {}
        self._heard: dict[Identity, datetime] = {}
        # A thread of its own: whatever hangs on asyncio's own threads must not hold up a revocation.
        self._following = ThreadPoolExecutor(1, "revocations")

    @contextmanager
    def opened(self, admission: Admission, address: str = "") -> Iterator[OpenCall]:
        """Watch the call that runs now, until the end of the block."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a call runs in a task")
        stream = OpenCall(task, admission, asyncio.get_running_loop().time(), address=address)
        self._calls.add(stream)
        try:
            yield stream
        finally:
            self._calls.discard(stream)
            self._heard[admission.caller.identity] = self._clock.now()

    @contextmanager
    def in_place(self, stream: OpenCall) -> Iterator[None]:
        """End the device's older stream of this kind, and give its place to this one, until the end of the block.

        A call that waits or is refused has no place: it ends no other, and no other ends it.
        """
        method, who = stream.admission.method, stream.admission.caller
        if method not in ONE_OF_A_DEVICE or who.identity.role not in {DeviceRole.NOTIFIER, DeviceRole.CONSOLE}:
            yield
            return
        place = method, who.identity
        older, self._places[place] = self._places.get(place), stream
        if older and older.ended is None:
            _end(older, Code.STREAM_ELSEWHERE)
            self._displaced(who.identity, older.address != stream.address)
        try:
            yield
        finally:
            if self._places.get(place) is stream:
                del self._places[place]

    def has(self, device: Identity) -> bool:
        """Whether a call of a device is open."""
        return any(one.admission.caller.identity == device for one in self._calls)

    def heard_at(self, device: Identity) -> datetime | None:
        """Return when a device's last call ended; None if none has ended since the server started."""
        return self._heard.get(device)

    def close(self) -> None:
        """End the thread."""
        self._following.shutdown()

    def loops(self) -> tuple[Coroutine[Any, Any, None], ...]:
        """Return the loops that read the revocation lists, and end calls that would now be refused.

        People are checked in a loop of their own: the database may hang, and certificates do not need it.
        """
        return (
            LOOPS.keep("follow_revocations", self._follow, CHECK_PERIOD_S),
            LOOPS.keep("check_devices", self._check_devices, CHECK_PERIOD_S),
            LOOPS.keep("check_people", self._check_people, CHECK_PERIOD_S),
        )

    async def _follow(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._following, self._follow_revocations)
        await self._check_devices()

    async def _check_devices(self) -> None:
        for stream in self._going_on():
            try:
                stream.admission.check_device()
            except CekalwatchError as error:
                _end(stream, error.code)

    async def _check_people(self) -> None:
        checked = (
            stream
            for stream in self._going_on()
            if stream.admission.caller.session is not None and stream.admission.method != SIGNS_OUT
        )
        await asyncio.gather(*map(self._check_person, checked))

    async def _check_person(self, stream: OpenCall) -> None:
        used, stream.used = stream.used, False
        begun_s = asyncio.get_running_loop().time()
        try:
            await asyncio.to_thread(stream.admission.check_person, used=used)
        except CekalwatchError as error:
            _end(stream, error.code)
        except StorageError as error:
            log.warning("session_not_checked", error=str(error))
            stream.used = stream.used or used
            if begun_s - stream.checked_s > MAX_UNCHECKED_S:
                _end(stream, Code.STORAGE_UNAVAILABLE)
        except Exception as error:  # noqa: BLE001  # who cannot be read may do nothing; the others are checked
            log.error("person_unreadable", method=stream.admission.method, error=type(error).__name__)  # noqa: TRY400
            _end(stream, Code.SESSION_ENDED)
        else:
            stream.checked_s = begun_s

    def _going_on(self) -> tuple[OpenCall, ...]:
        return tuple(one for one in self._calls if one.ended is None)


def _end(stream: OpenCall, code: Code) -> None:
    if stream.ended is None:
        log.warning("stream_ended", method=stream.admission.method, code=code)
        stream.ended = code
        stream.task.cancel()

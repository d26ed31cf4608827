"""The entry of a service with Windows' service control manager: made, changed, started, stopped and removed.

It runs under an account of its own, which has the service's name and no password, and which Windows makes.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pywintypes
import win32api
import win32con
import win32evtlog
import win32evtlogutil
import win32security
import win32service

from cekalwatch.program.platform.windows.access_lists import service_sid

TITLE: Final = "Cekalwatch camera"
ABOUT: Final = "Finds faces at the cameras and sends the best crops of each passage to the recognition server."
RESTART_AFTER_S: Final = (3, 10, 60)
"""Pauses before the service is started again; the last one again and again, since nobody watches a capture host."""
FORGET_AFTER_S: Final = 600
"""A service that ran for so long begins with the first pause again."""
PRIVILEGES: Final = ("SeChangeNotifyPrivilege",)
"""What the process keeps of a service's rights: to pass through folders. Not to act as those who call it."""
_ABSENT, _NOT_RUNNING, _MARKED, _UNKNOWN = 1060, 1062, 1072, 124
"""Windows' errors for services that are missing, stopped, removed once nobody looks at them any more;
and for what Wine does not know of them."""
_NO_ANSWER: Final = 1053
"""Windows' error for a program that ended, or took too long, before it answered as a service."""
FAILED_S: Final = 15.0
"""A service that has stopped for so long while it was to start does not start: Windows has tried it twice more."""
_RUNNING: int = win32service.SERVICE_RUNNING
_LOOK_EVERY_S = 0.1
_SOURCES = r"SYSTEM\CurrentControlSet\Services\EventLog\Application"


@dataclass(frozen=True)
class ServiceEntry:
    """A service, by its name."""

    name: str
    title: str = TITLE
    """As lists of services show it; no other service of the machine has it."""

    @property
    def account(self) -> str:
        """The account under which it runs."""
        return rf"NT SERVICE\{self.name}"

    def command(self) -> str:
        """Return the command that it starts; empty: there is no such service. Raises OSError."""
        with _as_os_error(), _manager() as manager:
            service = _opened(manager, self.name)
            return str(win32service.QueryServiceConfig(service)[3]) if service else ""

    def runs(self, starting_s: float = 0) -> bool:
        """Return whether it runs, and says so; one that is starting may take `starting_s` for it. Raises OSError."""
        ends = time.monotonic() + starting_s
        while (state := self._state()) == win32service.SERVICE_START_PENDING and time.monotonic() < ends:
            time.sleep(_LOOK_EVERY_S)
        return state == _RUNNING

    def enter(self, command: str) -> None:
        """Let it start `command` when Windows starts, and again when it fails. Raises OSError.

        `command` begins with the quoted path of a version's interpreter.
        """
        kind = (win32service.SERVICE_WIN32_OWN_PROCESS, win32service.SERVICE_AUTO_START)
        how = (*kind, win32service.SERVICE_ERROR_NORMAL, command, None, 0, None, self.account, None)
        with _as_os_error(), _manager() as manager:
            service = _opened(manager, self.name)
            if service:
                win32service.ChangeServiceConfig(service, *how, self.title)
            else:
                service = win32service.CreateService(
                    manager, self.name, self.title, win32service.SERVICE_ALL_ACCESS, *how
                )
            _let_log_on(self.name)
            win32service.ChangeServiceConfig2(service, win32service.SERVICE_CONFIG_DESCRIPTION, ABOUT)
            win32service.ChangeServiceConfig2(service, win32service.SERVICE_CONFIG_FAILURE_ACTIONS, _restarting())
            for level, value in (
                # Also after a report that it stopped, if with an error.
                (win32service.SERVICE_CONFIG_FAILURE_ACTIONS_FLAG, True),
                (win32service.SERVICE_CONFIG_SERVICE_SID_INFO, win32service.SERVICE_SID_TYPE_UNRESTRICTED),
                (win32service.SERVICE_CONFIG_REQUIRED_PRIVILEGES_INFO, PRIVILEGES),
            ):
                try:
                    win32service.ChangeServiceConfig2(service, level, value)
                except pywintypes.error as error:
                    if error.winerror != _UNKNOWN:
                        raise
            # "%1" is the only message of this library's table. That version's: this one may be taken back.
            library = Path(win32evtlog.__file__).relative_to(sys.prefix)
            win32evtlogutil.AddSourceToRegistry(self.name, str(Path(command.split('"')[1]).parent / library))

    def start(self, within_s: float) -> bool:
        """Start it, and return whether it runs within that time; False sooner if it does not start. Raises OSError."""
        try:
            with _as_os_error(), _manager() as manager:
                win32service.StartService(_opened(manager, self.name), None)
        except OSError as error:
            if error.winerror != _NO_ANSWER:  # type: ignore[attr-defined]  # only Windows has it
                raise
        return self._becomes(_RUNNING, within_s, win32service.SERVICE_STOPPED)

    def stop(self, within_s: float) -> bool:
        """Ask it to stop, and return whether it has within that time; a missing one has. Raises OSError.

        One that is starting takes no orders, and is asked once it runs.
        """
        self.runs(within_s)
        try:
            with _as_os_error(), _manager() as manager:
                if service := _opened(manager, self.name):
                    win32service.ControlService(service, win32service.SERVICE_CONTROL_STOP)
        except OSError as error:
            if error.winerror != _NOT_RUNNING:  # type: ignore[attr-defined]  # only Windows has it
                raise
        return self._becomes(win32service.SERVICE_STOPPED, within_s)

    def remove(self) -> None:
        """Remove it, and its source of events; a missing one is no error. Raises OSError."""
        try:
            with _as_os_error(), _manager() as manager:
                if service := _opened(manager, self.name):
                    win32service.DeleteService(service)
        except OSError as error:
            if error.winerror != _MARKED:  # type: ignore[attr-defined]  # only Windows has it
                raise
        try:
            win32api.RegDeleteKey(win32con.HKEY_LOCAL_MACHINE, rf"{_SOURCES}\{self.name}")
        except pywintypes.error:
            return

    def _state(self) -> int:
        with _as_os_error(), _manager() as manager:
            service = _opened(manager, self.name)
            return int(win32service.QueryServiceStatus(service)[1]) if service else win32service.SERVICE_STOPPED

    def _becomes(self, state: int, within_s: float, failed: int | None = None) -> bool:
        """Return whether it gets into `state` within that time; False sooner if it stays `failed` for FAILED_S."""
        seen = time.monotonic()
        ends = seen + within_s
        while (now := self._state()) != state:
            moment = time.monotonic()
            if now != failed:
                seen = moment
            if moment > min(ends, seen + FAILED_S):
                return False
            time.sleep(_LOOK_EVERY_S)
        return True


def _let_log_on(name: str) -> None:
    """Give the service's account the right that all have, unless a policy took it from the group; Wine knows none."""
    account = win32security.ConvertStringSidToSid(service_sid(name))
    with suppress(pywintypes.error):
        policy = win32security.LsaOpenPolicy(
            None, win32security.POLICY_CREATE_ACCOUNT | win32security.POLICY_LOOKUP_NAMES
        )
        win32security.LsaAddAccountRights(policy, account, ("SeServiceLogonRight",))


def _restarting() -> dict[str, Any]:
    actions = [(win32service.SC_ACTION_RESTART, 1000 * pause) for pause in RESTART_AFTER_S]
    return {"ResetPeriod": FORGET_AFTER_S, "RebootMsg": "", "Command": "", "Actions": actions}


@contextmanager
def _manager() -> Iterator[Any]:
    manager = win32service.OpenSCManager(None, None, win32service.SC_MANAGER_ALL_ACCESS)
    try:
        yield manager
    finally:
        manager.Close()


def _opened(manager: Any, name: str) -> Any:  # noqa: ANN401  # handles of pywin32
    """Return the handle of a service, which is closed with its last use; None: there is none."""
    try:
        return win32service.OpenService(manager, name, win32service.SERVICE_ALL_ACCESS)
    except pywintypes.error as error:
        if error.winerror != _ABSENT:
            raise
        return None


@contextmanager
def _as_os_error() -> Iterator[None]:
    try:
        yield
    except pywintypes.error as error:
        raise OSError(None, error.strerror, None, error.winerror) from None

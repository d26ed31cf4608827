"""Access control lists of files and folders.

The system and the administrators are always trusted: they get at everything. So are the owner of a file, this account,
and the account of the capture host's service.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ntsecuritycon
import pywintypes
import win32api
import win32con
import win32security

from cekalwatch.program.platform.places import CAPTURE_SERVICE

_OF_SERVICES = "NT SERVICE"
SYSTEM, ADMINISTRATORS, USERS = "S-1-5-18", "S-1-5-32-544", "S-1-5-32-545"
TRUSTED_INSTALLER = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"
_TRUSTED = frozenset({SYSTEM, ADMINISTRATORS, TRUSTED_INSTALLER, "S-1-3-0", "S-1-3-4"})
"""With the owner, as lists name it: Creator Owner and Owner Rights."""
EVERYBODYS = frozenset(
    {"S-1-1-0", "S-1-5-2", "S-1-5-7", "S-1-5-11", "S-1-5-32-545", "S-1-5-32-546", "S-1-15-2-1", "S-1-15-2-2"}
)
"""Everyone, Network, Anonymous, Authenticated Users, Users, Guests, all applications, all restricted applications."""
_OF_SERVICES_TOO = frozenset({"S-1-1-0", "S-1-5-6", "S-1-5-11", "S-1-5-32-545", "S-1-5-80-0"})
"""Groups of which each service is: Everyone, Service, Authenticated Users, Users, All Services."""
_BELOW = win32security.OBJECT_INHERIT_ACE | win32security.CONTAINER_INHERIT_ACE
_READS = ntsecuritycon.FILE_READ_DATA | ntsecuritycon.GENERIC_READ | ntsecuritycon.GENERIC_ALL
_WRITES = (
    ntsecuritycon.FILE_WRITE_DATA
    | ntsecuritycon.FILE_APPEND_DATA
    | ntsecuritycon.FILE_DELETE_CHILD
    | ntsecuritycon.DELETE
    | ntsecuritycon.WRITE_DAC
    | ntsecuritycon.WRITE_OWNER
    | ntsecuritycon.GENERIC_WRITE
    | ntsecuritycon.GENERIC_ALL
)
_PROTECTED = win32security.SE_DACL_PROTECTED
_ALLOWS = frozenset({0, 9})
"""ACCESS_ALLOWED_ACE_TYPE and ACCESS_ALLOWED_CALLBACK_ACE_TYPE."""


@dataclass(frozen=True)
class _Grant:
    """An entry of a list that allows something."""

    sid: str
    mask: int


def service_sid(name: str) -> str:
    """Return the identifier of the account NT SERVICE\\`name`, which Windows makes from the name."""
    digest = hashlib.sha1(name.upper().encode("utf-16-le"), usedforsecurity=False).digest()
    return "S-1-5-80-" + "-".join(map(str, struct.unpack("<5I", digest)))


def keep_to_owner(path: Path) -> None:
    """Let this account, the system and the administrators get at `path`, and inherit nothing. Raises OSError."""
    flags = _BELOW if path.is_dir() else 0
    entries = win32security.ACL()
    for sid in (_own_sid(), *map(win32security.ConvertStringSidToSid, (SYSTEM, ADMINISTRATORS))):
        entries.AddAccessAllowedAceEx(win32security.ACL_REVISION, flags, ntsecuritycon.FILE_ALL_ACCESS, sid)
    _set(path, entries)


def keep_to_administrators(folder: Path) -> None:
    """Let the system and the administrators change `folder` and what comes into it, and all read it. Raises OSError."""
    rights = (
        (SYSTEM, ntsecuritycon.FILE_ALL_ACCESS),
        (ADMINISTRATORS, ntsecuritycon.FILE_ALL_ACCESS),
        (USERS, ntsecuritycon.FILE_GENERIC_READ | ntsecuritycon.FILE_GENERIC_EXECUTE),
    )
    entries = win32security.ACL()
    for sid, mask in rights:
        account = win32security.ConvertStringSidToSid(sid)
        entries.AddAccessAllowedAceEx(win32security.ACL_REVISION, _BELOW, mask, account)
    _set(folder, entries)


def let_read(folder: Path, account: str) -> None:
    """Let `account`, a name or a SID, read what comes into `folder`, and administrators change it: nobody else.

    Raises OSError, also when Windows knows no such account.
    """
    _share(folder, account, ntsecuritycon.FILE_GENERIC_READ | ntsecuritycon.FILE_GENERIC_EXECUTE)


def let_change(folder: Path, account: str) -> None:
    """Let `account` and the administrators change what comes into `folder`, and nobody else read it; as `let_read`."""
    _share(folder, account, ntsecuritycon.FILE_ALL_ACCESS & ~(ntsecuritycon.WRITE_DAC | ntsecuritycon.WRITE_OWNER))


def _share(folder: Path, account: str, rights: int) -> None:
    domain, _, name = account.partition("\\")
    with _as_os_error():
        if domain == _OF_SERVICES:  # Windows knows the name only once there is the service
            other = win32security.ConvertStringSidToSid(service_sid(name))
        elif account.startswith("S-1-"):
            other = win32security.ConvertStringSidToSid(account)
        else:
            other = win32security.LookupAccountName(None, account)[0]
    everything = ntsecuritycon.FILE_ALL_ACCESS
    trusted = [(win32security.ConvertStringSidToSid(sid), everything) for sid in (SYSTEM, ADMINISTRATORS)]
    entries = win32security.ACL()
    for sid, mask in (*trusted, (other, rights)):
        entries.AddAccessAllowedAceEx(win32security.ACL_REVISION, _BELOW, mask, sid)
    _set(folder, entries)


def is_administrator() -> bool:
    """Return whether this process has the rights of an administrator."""
    return bool(win32security.CheckTokenMembership(None, win32security.ConvertStringSidToSid(ADMINISTRATORS)))


def lacks_rights() -> bool:
    """Return whether this account is an administrator, and this process has not their rights."""
    token = win32security.OpenProcessToken(win32api.GetCurrentProcess(), win32con.TOKEN_QUERY)
    groups = win32security.GetTokenInformation(token, win32security.TokenGroups)
    return any(
        attributes & win32security.SE_GROUP_USE_FOR_DENY_ONLY
        and win32security.ConvertSidToStringSid(sid) == ADMINISTRATORS
        for sid, attributes in groups
    )


def copy(source: Path, target: Path) -> None:
    """Give `target` the list of `source`. Raises OSError."""
    _set(target, _security(source).GetSecurityDescriptorDacl())


def others(path: Path, forbidden: int) -> list[str]:
    """Return the names of accounts that have a forbidden access to `path`, as `access` describes it. Raises OSError."""
    return others_in(_security(path), forbidden)


def others_in(security: Any, forbidden: int) -> list[str]:  # noqa: ANN401  # a type of pywin32
    """Return the same of a security descriptor."""
    owner = win32security.ConvertSidToStringSid(security.GetSecurityDescriptorOwner())
    own = win32security.ConvertSidToStringSid(_own_sid())
    trusted = {*_TRUSTED, owner, own, service_sid(CAPTURE_SERVICE)}
    found = (one for one in _grants(security) if one.sid not in trusted and _is_forbidden(one, forbidden))
    return list(dict.fromkeys(_name(one.sid) for one in found))


def named(path: Path) -> list[str]:
    """Return the names of all accounts that can get at `path`. Raises OSError."""
    found = (one for one in _grants(_security(path)) if one.mask & (_READS | _WRITES))
    return list(dict.fromkeys(_name(one.sid) for one in found))


def lets_read(path: Path, service: str) -> bool:
    """Return whether the account of a service, by its SID, may read `path`. Raises OSError."""
    return lets_read_in(_security(path), service)


def lets_read_in(security: Any, service: str) -> bool:  # noqa: ANN401  # a type of pywin32
    """Return the same of a security descriptor."""
    accounts = {service, *_OF_SERVICES_TOO}
    return any(one.sid in accounts and one.mask & _READS for one in _grants(security))


def foreign_owner(path: Path) -> str:
    """Return whose `path` is; empty for the system, an administrator or this account. Raises OSError."""
    owner = win32security.ConvertSidToStringSid(_security(path).GetSecurityDescriptorOwner())
    own = win32security.ConvertSidToStringSid(_own_sid())
    return "" if owner in {*_TRUSTED, own} else _name(owner)


def is_of_machine(path: Path) -> bool:
    """Return whether `path` is among the program data of the machine, for all its accounts."""
    data = os.environ.get("PROGRAMDATA")
    return bool(data) and path.absolute().is_relative_to(Path(str(data)))


def _is_forbidden(one: _Grant, forbidden: int) -> bool:
    everybody = one.sid in EVERYBODYS
    reads = one.mask & _READS and forbidden & (0o044 if everybody else 0o040)
    writes = one.mask & _WRITES and forbidden & (0o022 if everybody else 0o020)
    return bool(reads or writes)


def _grants(security: Any) -> Iterator[_Grant]:  # noqa: ANN401  # a type of pywin32
    entries = security.GetSecurityDescriptorDacl()
    if entries is None:  # no list at all lets everybody in
        yield _Grant("S-1-1-0", ntsecuritycon.GENERIC_ALL)
        return
    for number in range(entries.GetAceCount()):
        (kind, _), mask, *_, sid = entries.GetAce(number)
        if kind in _ALLOWS:
            yield _Grant(win32security.ConvertSidToStringSid(sid), mask & 0xFFFFFFFF)


def _security(path: Path) -> Any:  # noqa: ANN401  # a type of pywin32
    asked = win32security.OWNER_SECURITY_INFORMATION | win32security.DACL_SECURITY_INFORMATION
    with _as_os_error():
        return win32security.GetNamedSecurityInfo(str(path), win32security.SE_FILE_OBJECT, asked)


def _set(path: Path, entries: Any) -> None:  # noqa: ANN401  # a type of pywin32
    """Let `path` have these entries and inherit none; what is in a folder already stays as it is."""
    security = win32security.SECURITY_DESCRIPTOR()
    security.SetSecurityDescriptorDacl(1, entries, 0)
    security.SetSecurityDescriptorControl(_PROTECTED, _PROTECTED)
    what = win32security.DACL_SECURITY_INFORMATION | win32security.PROTECTED_DACL_SECURITY_INFORMATION
    with _as_os_error():
        # Not SetNamedSecurityInfo: under Wine that inherits all the same.
        win32security.SetFileSecurity(str(path), what, security)


def _own_sid() -> Any:  # noqa: ANN401  # a type of pywin32
    token = win32security.OpenProcessToken(win32api.GetCurrentProcess(), win32con.TOKEN_QUERY)
    return win32security.GetTokenInformation(token, win32security.TokenUser)[0]


def _name(sid: str) -> str:
    try:
        name, domain, _ = win32security.LookupAccountSid(None, win32security.ConvertStringSidToSid(sid))
    except pywintypes.error:
        return sid
    return f"{domain}\\{name}" if domain else name


@contextlib.contextmanager
def _as_os_error() -> Iterator[None]:
    try:
        yield
    except pywintypes.error as error:
        raise OSError(None, error.strerror, None, error.winerror) from None

"""Asks a directory who is in some groups, by LDAP over TLS (RFC 4511, 4513; paged results of RFC 2696).

Blocks, for `LOOK_S` at most, however many servers hang; looking up a server's name comes on top. What the directory
says is foreign: bytes, time and numbers of answers are bounded, no referral is followed, names are escaped in filters,
and an answer that is not whole is none.
"""

from __future__ import annotations

import socket
import ssl
import time
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

import structlog

from cekalwatch.contract.values.people import MAX_DISPLAY_NAME
from cekalwatch.extensions.ldap.domain import Member
from cekalwatch.extensions.ldap.settings import DirectoryTerms
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.domain.people import SIGN_IN_NAME

CONNECT_S: Final = 5
SILENCE_S: Final = 10
"""Seconds without a byte of an answer."""
LONGEST_S: Final = 30.0
"""Seconds for everything that one server is asked."""
LOOK_S: Final = 40.0
"""Seconds for all servers together, of which those that are still to be asked have equal shares."""
MAX_BYTES: Final = 32 * 1024 * 1024
"""Bytes of all answers of one server."""
MAX_MEMBERS: Final = 10_000
"""People in one group."""
PAGE: Final = 500
MAX_ENTRY: Final = 64
"""Bytes of what the directory calls an entry."""
PAGED: Final = "1.2.840.113556.1.4.319"
IN_CHAIN: Final = "1.2.840.113556.1.4.1941"
"""LDAP_MATCHING_RULE_IN_CHAIN: also through groups within groups."""
ACTIVE_DIRECTORY: Final = "1.2.840.113556.1.4.800"
"""The capability by which a server says that it is one (MS-ADTS 3.1.1.3.4.3.1)."""
ACCOUNT_DISABLED: Final = 0x2
"""ADS_UF_ACCOUNTDISABLE in `userAccountControl`."""
NEVER_EXPIRES: Final = frozenset({0, 0x7FFF_FFFF_FFFF_FFFF})
WINDOWS_EPOCH_S: Final = 11_644_473_600
LOCKED_FOR_GOOD: Final = "000001010000Z"
"""In `pwdAccountLockedTime`, of OpenLDAP's password policy."""
ENTRY: Final = ("objectGUID", "entryUUID", "nsUniqueId")
"""What Active Directory, OpenLDAP (RFC 4530) and 389 call an entry, whatever its names."""
STATES: Final = ("userAccountControl", "accountExpires", "pwdAccountLockedTime", "nsAccountLock")
OK: Final = 0
NO_SUCH_OBJECT: Final = 32

log = structlog.get_logger()


class DirectoryError(Exception):
    """The directory has not answered in full; the text says why, for a log and a screen, and has no secret."""


@dataclass(frozen=True)
class Answer:
    """What the directory said of the groups that it was asked about."""

    members: tuple[Member, ...]
    """Enabled people with a usable name, by name."""
    missing: frozenset[str]
    """Groups that it does not have."""


class _Bounded(socket.socket):
    """A connection that ends at a moment, and after a number of bytes: an answer can come byte by byte for ever."""

    deadline_s = 0.0
    bytes_left = MAX_BYTES

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        left_s = self.deadline_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("the answer took too long")
        self.settimeout(min(left_s, SILENCE_S))
        data = super().recv(buflen, flags)
        self.bytes_left -= len(data)
        if self.bytes_left < 0:
            raise OSError("the answer is too long")
        return data


class _BoundedTls(_Bounded, ssl.SSLSocket):
    """The same after TLS began."""


class LdapDirectory:
    """A directory. One thread at a time may ask."""

    def __init__(self, terms: DirectoryTerms) -> None:
        """Ask nothing. Raises ProgramError without the library, or when a file of the settings cannot be used."""
        try:
            import ldap3  # noqa: F401  # the extra `ldap`
        except ModuleNotFoundError:
            raise ProgramError(
                "ldap3 is not installed. Install with: pip install --no-index --find-links wheels 'cekalwatch[ldap]'",
                Exit.MISSING_EXTRA,
            ) from None
        self._terms = terms
        terms.password()
        self._context()

    def ask(self, groups: Collection[str]) -> Answer:
        """Return who is in these groups, of the first server that answers in full. Raises DirectoryError."""
        from ldap3.core.exceptions import LDAPExceptionError

        failures, ends_s, servers = [], time.monotonic() + LOOK_S, self._terms.servers
        for asked, url in enumerate(servers):
            left_s = (ends_s - time.monotonic()) / (len(servers) - asked)
            try:
                return self._ask(url, groups, min(left_s, LONGEST_S))
            except (DirectoryError, ProgramError) as error:
                why = str(error)
            except (LDAPExceptionError, OSError) as error:
                why = _reason(error)
            except (ValueError, TypeError, LookupError, AttributeError, RecursionError, OverflowError) as error:
                why = f"an answer that is no LDAP ({type(error).__name__})"  # the library fails so on what is none
            failures.append(f"{urlsplit(url).hostname}: {why}")
        raise DirectoryError("; ".join(failures))

    def _context(self) -> ssl.SSLContext:
        file = self._terms.authorities
        try:
            context = ssl.create_default_context(cafile=str(file) if file else None)
        except OSError as error:
            raise ProgramError(f"Wrong settings: directory.authorities: {error}", Exit.CONFIG) from None
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.sslsocket_class = _BoundedTls
        return context

    def _ask(self, url: str, groups: Collection[str], left_s: float) -> Answer:
        import ldap3

        parts = urlsplit(url)
        host, secure, deadline_s = parts.hostname or "", parts.scheme == "ldaps", time.monotonic() + left_s
        tls, port = _verified(self._context(), host, deadline_s), parts.port or (636 if secure else 389)
        server = ldap3.Server(
            host, port, use_ssl=secure, tls=tls, get_info=ldap3.NONE, connect_timeout=max(0.1, min(left_s, CONNECT_S))
        )  # fmt: skip
        line = ldap3.Connection(
            server, self._terms.account, self._terms.password(), auto_referrals=False, read_only=True,
            receive_timeout=SILENCE_S, raise_exceptions=False, return_empty_attributes=False,
        )  # fmt: skip
        try:
            line.open()
            if not secure:
                line.socket = _Bounded(fileno=line.socket.detach())
                line.socket.deadline_s = deadline_s
                line.start_tls()
            if not line.bind():
                raise DirectoryError(f"it refuses the account: {_word(line.result)}")
            return self._read(line, groups)
        finally:
            if line.socket is not None:
                line.socket.close()  # a farewell could wait for the other side

    def _read(self, line: Any, groups: Collection[str]) -> Answer:  # noqa: ANN401  # ldap3 has no types
        if self._terms.nested:
            self._require_active_directory(line)
        missing = frozenset(group for group in groups if not _exists(line, group))
        held: dict[str, Member] = {}
        barred: set[str] = set()
        for group in sorted(set(groups) - missing):
            for entry in self._entries(line, group):
                name = unicodedata.normalize("NFC", _text(entry, self._terms.name_attribute))
                key = _entry(entry) or name
                if not SIGN_IN_NAME.fullmatch(name):
                    log.warning("directory_name_unusable", group=group[:100])
                elif not _enabled(entry, datetime.now(UTC)):
                    barred.add(key)
                else:
                    shown = _text(entry, self._terms.display_attribute).strip()[:MAX_DISPLAY_NAME]
                    before = held[key].groups if key in held else frozenset()
                    shown = shown if shown.isprintable() and shown else name
                    held[key] = Member(key, name, shown, before | {group})
        left = (one for key, one in held.items() if key not in barred)
        return Answer(tuple(sorted(left, key=lambda one: one.sign_in_name)), missing)

    def _require_active_directory(self, line: Any) -> None:  # noqa: ANN401
        """Refuse `nested` where the directory does not know it: it would find nobody, and nobody is told why."""
        from ldap3 import BASE

        line.search("", "(objectClass=*)", BASE, attributes=["supportedCapabilities"])
        found = [_texts(one, "supportedCapabilities") for one in _entries_of(line)]
        if not any(ACTIVE_DIRECTORY in one for one in found):
            raise DirectoryError("it is no Active Directory, and cannot look into nested groups: directory.nested")

    def _entries(self, line: Any, group: str) -> Iterator[dict[str, Any]]:  # noqa: ANN401
        """Yield the entries of a group's members, page by page."""
        from ldap3 import SUBTREE
        from ldap3.utils.conv import escape_filter_chars

        rule = f":{IN_CHAIN}:" if self._terms.nested else ""
        query = f"({self._terms.name_attribute}=*)(memberOf{rule}={escape_filter_chars(group)})"
        names = [self._terms.name_attribute, self._terms.display_attribute, *STATES, *ENTRY]
        cookie, count = None, 0
        while True:
            line.search(
                self._terms.people_base, f"(&{query})", SUBTREE, attributes=names, paged_size=PAGE, paged_cookie=cookie
            )
            if line.result["result"] != OK:
                raise DirectoryError(f"it does not list a group's people: {_word(line.result)}")
            for entry in _entries_of(line):
                count += 1
                if count > MAX_MEMBERS:
                    raise DirectoryError(f"a group has more than {MAX_MEMBERS} people")
                yield entry
            paging = (line.result.get("controls") or {}).get(PAGED)
            cookie = paging["value"]["cookie"] if paging else None
            if not cookie:
                return


def _verified(context: ssl.SSLContext, host: str, deadline_s: float) -> Any:  # noqa: ANN401
    """Return the library's TLS with our context, which verifies chain and name itself."""
    from ldap3 import Tls

    class Verified(Tls):  # type: ignore[misc]
        """The library's own check of names is not the standard library's."""

        def wrap_socket(self, connection: Any, do_handshake: bool = False) -> None:  # noqa: ANN401, ARG002
            plain: socket.socket = connection.socket
            plain.settimeout(max(0.1, min(deadline_s - time.monotonic(), SILENCE_S)))
            secured = context.wrap_socket(plain, server_hostname=host)
            assert isinstance(secured, _BoundedTls)  # noqa: S101  # the context's class
            secured.deadline_s = deadline_s
            connection.socket = secured

    return Verified(validate=ssl.CERT_REQUIRED)


def _exists(line: Any, group: str) -> bool:  # noqa: ANN401
    from ldap3 import BASE

    line.search(group, "(objectClass=*)", BASE, attributes=["1.1"])
    if line.result["result"] == NO_SUCH_OBJECT:
        return False
    if line.result["result"] != OK or not _entries_of(line):
        raise DirectoryError(f"it does not show a group: {_word(line.result)}")
    return True


def _entries_of(line: Any) -> list[dict[str, Any]]:  # noqa: ANN401
    return [one for one in line.response or () if one.get("type") == "searchResEntry"]


def _entry(entry: dict[str, Any]) -> str:
    """Return what the directory calls an entry; empty where it does not say."""
    found = entry["raw_attributes"].items()
    return next((raw[0].hex() for name, raw in found if name in ENTRY and raw and len(raw[0]) <= MAX_ENTRY), "")


def _enabled(entry: dict[str, Any], now: datetime) -> bool:
    """Whether the account may sign in; one whose state cannot be read may not."""
    try:
        flags, expires = int(_text(entry, STATES[0]) or 0), int(_text(entry, STATES[1]) or 0)
        expired = expires not in NEVER_EXPIRES and expires / 1e7 - WINDOWS_EPOCH_S <= now.timestamp()
    except (ValueError, OverflowError):
        return False
    locked = _text(entry, STATES[2]) == LOCKED_FOR_GOOD or _text(entry, STATES[3]).casefold() == "true"
    return not flags & ACCOUNT_DISABLED and not expired and not locked


def _texts(entry: dict[str, Any], attribute: str) -> list[str]:
    """Return the values of an attribute, with U+FFFD for what is no UTF-8; names of attributes have no case."""
    found = (values for name, values in entry["raw_attributes"].items() if name.casefold() == attribute.casefold())
    return [value.decode("utf-8", "replace") for values in found for value in values or ()]


def _text(entry: dict[str, Any], attribute: str) -> str:
    """Return the only value of an attribute; empty without one, or with several."""
    values = _texts(entry, attribute)
    return values[0] if len(values) == 1 else ""


def _word(result: Any) -> str:  # noqa: ANN401
    """Return the name of a result; its message may repeat what was sent."""
    word = str(result.get("description", ""))[:40]
    return word if word.isascii() and word.isprintable() else "?"


def _reason(error: BaseException) -> str:
    """Return why a connection failed."""
    text = str(error)
    if "CERTIFICATE_VERIFY_FAILED" in text or isinstance(error, ssl.SSLCertVerificationError):
        return "its certificate is not trusted"
    return "it does not answer" if isinstance(error, TimeoutError) or "timed out" in text else type(error).__name__

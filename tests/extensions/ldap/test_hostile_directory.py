"""A directory that was taken over can say who is in groups, and take nothing of the server beside that."""

from __future__ import annotations

import random
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from ldap3.protocol import rfc4511
from pyasn1.codec.ber import encoder

from cekalwatch.contract.values.people import MAX_DISPLAY_NAME
from cekalwatch.extensions.ldap import directory as ldap
from cekalwatch.extensions.ldap.directory import DirectoryError, LdapDirectory
from cekalwatch.extensions.ldap.service import FOLLOW_PERIOD_S
from cekalwatch.extensions.ldap.settings import DirectoryTerms
from cekalwatch.program.errors import ProgramError
from cekalwatch.wire.identity import DeviceRole
from tests.support.scenarios.site_pki import Site

pytestmark = pytest.mark.slow
BOUND = b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00"
"""The answer to a bind: success (RFC 4511, 4.2.2)."""
STARTED = b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00"
Behaviour = Callable[[socket.socket], None]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(tmp_path_factory.mktemp("site"))


@contextmanager
def serving(site: Site, behave: Behaviour, *, secure: bool = True) -> Iterator[DirectoryTerms]:
    """Let every connection get what `behave` sends, after TLS where it is `secure`."""
    files = site.device(DeviceRole.SERVER, "dc1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    secret = site.folder / "directory.secret"
    secret.write_text("rahasia\n")
    secret.chmod(0o600)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            plain, _ = listener.accept()
            with context.wrap_socket(plain, server_side=True) if secure else plain as line:
                behave(line)

    thread = threading.Thread(target=serve)
    thread.start()
    scheme = "ldaps" if secure else "ldap"
    try:
        address = f"{scheme}://127.0.0.1:{listener.getsockname()[1]}"
        yield DirectoryTerms((address,), "cn=reader", secret, "ou=People", files.authority)
    finally:
        listener.close()
        thread.join(10)


def why(terms: DirectoryTerms) -> str:
    with pytest.raises(DirectoryError) as refused:
        LdapDirectory(terms).ask(["cn=officers"])
    return str(refused.value)


def drips(line: socket.socket) -> None:
    """Begin a long message, and send a byte of it now and then."""
    line.sendall(b"\x30\x84\x7f\xff\xff\xff")
    while True:
        line.sendall(b"\x00")
        time.sleep(0.01)


def floods(line: socket.socket) -> None:
    line.sendall(b"\x30\x84\x7f\xff\xff\xff")
    while True:
        line.sendall(bytes(65_536))


@pytest.mark.parametrize("secure", [True, False])
def test_an_answer_without_end_ends(site: Site, monkeypatch: pytest.MonkeyPatch, secure: bool):
    monkeypatch.setattr(ldap._Bounded, "bytes_left", 1_000_000)
    for behave, longest_s in ((drips, 0.5), (floods, 30.0)):
        monkeypatch.setattr(ldap, "LONGEST_S", longest_s)
        began = time.monotonic()
        with serving(site, behave, secure=secure) as terms:
            assert why(terms).startswith("127.0.0.1: ")
        assert time.monotonic() - began < 8


def test_servers_that_hang_one_after_another_leave_the_look_its_minute(site: Site, monkeypatch: pytest.MonkeyPatch):
    """They take the connection and say nothing; who leaves a group still loses the role within a minute."""
    assert ldap.LOOK_S + FOLLOW_PERIOD_S <= 60
    monkeypatch.setattr(ldap, "LOOK_S", 3.0)
    with ExitStack() as stack:
        silent = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(3)]
        ports = [one.getsockname()[1] for one in silent]
        dripping = stack.enter_context(serving(site, drips))
        urls = [f"{scheme}://127.0.0.1:{port}" for port in ports for scheme in ("ldaps", "ldap")]
        began = time.monotonic()
        told = why(replace(dripping, servers=(*urls, *dripping.servers)))
        assert time.monotonic() - began < 6
        assert told.count("127.0.0.1: ") == len(urls) + 1, "each was asked"


def test_bytes_that_are_no_ldap_are_no_answer(site: Site):
    drawn = random.Random(7)  # noqa: S311  # no secret
    wrong = [b"HTTP/1.1 200 OK\r\n\r\n", b"\x30\x80\x30\x80" * 400, b"\x30\x05\x02\x01\x01\x61\x00", b""]
    wrong += [bytes((0x30, size)) + drawn.randbytes(size) for size in (4, 20, 90)]
    for said in [*wrong, *(BOUND + one for one in wrong)]:
        with serving(site, lambda line, said=said: line.sendall(said) or line.recv(4096)) as terms:  # type: ignore[misc]
            assert why(terms).startswith("127.0.0.1: ")


GROUP = "cn=officers"
REFERRAL = 10
"""The result code (RFC 4511, 4.1.10)."""


BIND_REQUEST, SEARCH_REQUEST = 0x60, 0x63


def element(data: bytes) -> tuple[int, bytes, bytes]:
    """Return the tag and content of the first element of BER, and what follows it. Raises IndexError if it is cut."""
    size, begin = data[1], 2
    if size & 0x80:
        begin += size & 0x7F
        size = int.from_bytes(data[2:begin])
    end = begin + size
    if len(data) < end or len(data) < begin:
        raise IndexError
    return data[0], data[begin:end], data[end:]


@dataclass
class Scripted:
    """An LDAP server for tests: it has the group, and answers with `entries` when it is asked for the members."""

    entries: Sequence[Mapping[str, Sequence[bytes]]] = ()
    code: int = 0
    refers_to: Sequence[str] = ()
    endless: bool = False
    """Whether each page says that there is one more."""

    def __call__(self, line: socket.socket) -> None:
        waiting = b""
        while part := line.recv(65_536):
            waiting += part
            while waiting:
                try:
                    _, message, left = element(waiting)
                except IndexError:  # the rest is still to come
                    break
                self._answer(line, message)
                waiting = left

    def _answer(self, line: socket.socket, message: bytes) -> None:
        _, asked, operation = element(message)
        kind, fields, _ = element(operation)
        number = int.from_bytes(asked)
        if kind == BIND_REQUEST:
            line.sendall(BOUND[:4] + asked + BOUND[5:])
        if kind != SEARCH_REQUEST:
            return
        members = element(fields)[1] != GROUP.encode()
        for entry in self.entries if members else [{}]:
            line.sendall(self._message(number, "searchResEntry", self._entry(entry)))
        if members and self.refers_to:
            reference = rfc4511.SearchResultReference()
            reference.extend(map(rfc4511.URI, self.refers_to))
            line.sendall(self._message(number, "searchResRef", reference))
        done = rfc4511.SearchResultDone()
        done["resultCode"], done["matchedDN"], done["diagnosticMessage"] = self.code if members else 0, "", "\x1b[2J"
        if members and self.code == REFERRAL:
            done["referral"].extend(map(rfc4511.URI, self.refers_to))
        line.sendall(self._message(number, "searchResDone", done, paged=members))

    @staticmethod
    def _entry(attributes: Mapping[str, Sequence[bytes]]) -> Any:
        entry = rfc4511.SearchResultEntry()
        entry["object"] = "cn=\x00" * 40
        for at, (name, values) in enumerate(attributes.items()):
            one = rfc4511.PartialAttribute()
            one["type"] = name
            one["vals"].extend(map(rfc4511.AttributeValue, values))
            entry["attributes"][at] = one
        return entry

    def _message(self, number: int, kind: str, operation: Any, *, paged: bool = False) -> bytes:
        message = rfc4511.LDAPMessage()
        message["messageID"] = number
        message["protocolOp"][kind] = operation
        if paged and self.endless:
            control = rfc4511.Control()
            control["controlType"], control["criticality"] = ldap.PAGED, False
            control["controlValue"] = b"\x30\x06\x02\x01\x00\x04\x01\x31"
            message["controls"][0] = control
        return bytes(encoder.encode(message))


def person(name: bytes, display: bytes = b"", **others: bytes) -> dict[str, list[bytes]]:
    return {"sAMAccountName": [name], "displayName": [display]} | {key: [one] for key, one in others.items()}


def test_names_with_signs_and_sizes_that_nobody_has_make_nobody_and_hide_nobody(site: Site):
    absurd: list[Mapping[str, Sequence[bytes]]] = [
        person(b"x" * 1_000_000),
        person(b"ani\x00admin"),
        person(b"ani\r\nadmin"),
        person("\u202eina".encode()),
        {"sAMAccountName": [b"ani", b"budi"]},
        {"sAMAccountName": []},
        {},
        person(b"an\xffi"),
        *(person(b"wati", accountExpires=b"9" * digits) for digits in (400, 5000)),
        person(b"yudi", userAccountControl=b"\xd9\xa3"),
        person(b"dewi", pwdAccountLockedTime=ldap.LOCKED_FOR_GOOD.encode()),
        {f"a{number}": [b"v"] for number in range(3000)},
    ]
    latin = person(b"eka", "Eka é".encode("latin-1"))
    real = person(b"budi", b"Budi\x1b[31m" + b"x" * 500_000, memberOf=b"cn=administrators")
    shown = person(b"citra", b"Citra " + b"\xc3\xa9" * 100_000)
    with serving(site, Scripted([*absurd, latin, real, shown])) as terms:
        answer = LdapDirectory(terms).ask([GROUP])
    assert [one.sign_in_name for one in answer.members] == ["budi", "citra", "eka"]
    assert {one.groups for one in answer.members} == {frozenset({GROUP})}, "what was not asked for counts for nothing"
    budi, citra, eka = answer.members
    assert budi.display_name == "budi", "a name that moves the cursor is not shown"
    assert len(citra.display_name) == MAX_DISPLAY_NAME
    assert eka.display_name == "Eka \ufffd"


def test_a_referral_is_followed_nowhere(site: Site):
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        elsewhere.settimeout(0.2)
        to = [f"ldap://127.0.0.1:{elsewhere.getsockname()[1]}/ou=People"]
        with serving(site, Scripted(code=REFERRAL, refers_to=to)) as terms:
            assert "referral" in why(terms)
        with serving(site, Scripted([person(b"budi")], refers_to=to)) as terms:
            assert [one.sign_in_name for one in LdapDirectory(terms).ask([GROUP]).members] == ["budi"]
        with pytest.raises(TimeoutError):
            elsewhere.accept()


def test_pages_without_end_and_thousands_of_groups_end(site: Site, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ldap, "MAX_MEMBERS", 100)
    with serving(site, Scripted([person(b"budi")], endless=True)) as terms:
        assert "more than 100 people" in why(terms)
    monkeypatch.setattr(ldap, "LONGEST_S", 1.0)
    for asked in ([GROUP], [GROUP, *(f"cn=g{number}" for number in range(5000))]):
        began = time.monotonic()
        with serving(site, Scripted(endless=True)) as terms, pytest.raises(DirectoryError):
            LdapDirectory(terms).ask(asked)
        assert time.monotonic() - began < 6


def test_who_says_that_tls_began_and_goes_on_in_the_clear_gets_no_password(site: Site):
    heard = bytearray()

    def listens(line: socket.socket) -> None:
        heard.extend(line.recv(4096))
        line.sendall(STARTED + BOUND)
        line.settimeout(2)
        with suppress(OSError):
            while part := line.recv(4096):
                heard.extend(part)

    with serving(site, listens, secure=False) as terms:
        why(terms)
    assert b"rahasia" not in heard
    assert b"cn=reader" not in heard


def test_a_password_that_others_can_read_or_that_is_empty_is_not_used(tmp_path: Path):
    secret = tmp_path / "directory.secret"
    terms = DirectoryTerms(("ldaps://dc1",), "cn=reader", secret, "ou=People")
    for text, mode in (("rahasia\n", 0o644), ("\n", 0o600)):
        secret.write_text(text)
        secret.chmod(mode)
        with pytest.raises(ProgramError, match=r"directory\.password_file"):
            LdapDirectory(terms)

"""A directory that was taken over can say who is in groups, and take nothing of the server beside that."""

from __future__ import annotations

import random
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from cekalwatch.program.errors import ProgramError
from cekalwatch.server.auth.directory import ldap
from cekalwatch.server.auth.directory.ldap import DirectoryError, LdapDirectory
from cekalwatch.server.auth.directory.terms import DirectoryTerms
from cekalwatch.server.wiring.directory import FOLLOW_PERIOD_S
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

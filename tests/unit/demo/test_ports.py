"""The demonstration of ports: its line, its people, and its verdict."""

from __future__ import annotations

import io
import socket
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from cekalwatch.program.errors import ProgramError
from deploy.demo.people import Person, Photo, Role
from deploy.demo.ports.__main__ import show_outcome
from deploy.demo.ports.line import ThreadedLine, line_on_a_thread
from deploy.demo.ports.play import Check, PortsDemonstration, Travellers
from tests.support.builders.portraits import astronaut

PHOTO = Photo(astronaut(), np.zeros((5, 2), np.float32))
ROLES = (Role.LISTED, Role.LAPSED, Role.UNLISTED, Role.LISTED, Role.URGENT, Role.UNLISTED)


def people(*roles: Role) -> list[Person]:
    return [Person(f"S-{number}", f"Nama {number}", "F", role, PHOTO, (PHOTO,)) for number, role in enumerate(roles)]


@pytest.fixture
def far_end() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        yield server


def call(line: ThreadedLine) -> socket.socket:
    host, _, port = line.address.rpartition(":")
    return socket.create_connection((host, int(port)), 10)


def test_a_line_carries_until_it_is_cut_and_again_when_it_is_mended(far_end: socket.socket) -> None:
    with line_on_a_thread(far_end.getsockname()[1]) as line:
        with call(line) as near, far_end.accept()[0] as far:
            near.sendall(b"one")
            assert far.recv(3) == b"one"
            line.cut()
            assert ended(near)
        with call(line) as refused:
            assert ended(refused)
        line.mend()
        with call(line) as near, far_end.accept()[0] as far:
            far.sendall(b"two")
            assert near.recv(3) == b"two"


def ended(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def test_each_port_has_its_listed_traveller_and_the_newcomer_is_not_on_the_first_list() -> None:
    who = Travellers.of(people(*ROLES))
    assert [person.subject_id for person in who.listed] == ["S-0", "S-3"]
    assert [person.subject_id for person in who.strangers] == ["S-2", "S-5"]
    assert who.newcomer.subject_id == "S-4"
    assert {person.subject_id for person in who.before} == {"S-0", "S-1", "S-2", "S-3", "S-5"}


def test_too_few_people_are_said_before_anything_starts() -> None:
    with pytest.raises(ProgramError, match="Five people are needed"):
        Travellers.of(people(*ROLES[:5]))


@pytest.mark.parametrize(("found", "passed", "said"), [("1", True, "right"), ("0", False, "wrong")])
def test_what_was_not_found_fails_it(tmp_path: Path, found: str, passed: bool, said: str) -> None:
    checks = [Check("cut", "sekupang", "alerts of Nama 3", "1", found)]
    demo = PortsDemonstration(tmp_path, tmp_path, Travellers.of(people(*ROLES)), lambda _: None, checks)
    screen = Console(file=io.StringIO(), width=120)
    show_outcome(screen, demo)
    assert demo.passed is passed
    assert isinstance(screen.file, io.StringIO)
    assert said in screen.file.getvalue()


def test_a_demonstration_that_found_nothing_out_has_not_passed(tmp_path: Path) -> None:
    assert not PortsDemonstration(tmp_path, tmp_path, Travellers.of(people(*ROLES)), lambda _: None).passed

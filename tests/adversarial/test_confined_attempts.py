"""What a decoder that was taken over tries against the account that it runs as, each by a call that is its own.

The victim is another process of the account, and a file, a folder and a socket of it. Also with a kernel whose Landlock
scopes neither signals nor abstract sockets (ABI 5, before Linux 6.12), and in the filter of the other architecture.
"""

from __future__ import annotations

import errno
import os
import re
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cekalwatch.camera.sources.opencv import LIMITS as CAMERA
from cekalwatch.program.confined import seccomp
from cekalwatch.program.confined.command import confined_command, confined_environment
from cekalwatch.program.confined.limits import Limits, Network

READER = Limits(memory_bytes=2_000_000_000, processor_s=20)
PAYLOAD = Path(__file__).parent.parent / "support" / "tools" / "taken_over.py"
OLDER_LANDLOCK = "import cekalwatch.program.confined.landlock as l; real = l.abi(); l.abi = lambda: min(real, {})"


@pytest.fixture
def victim() -> Iterator[subprocess.Popen[bytes]]:
    """Another process of this account, which ends by any signal."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as running:
        yield running
        running.kill()


def attempted(victim: int, folder: Path, limits: Limits, abi: int) -> dict[str, str]:
    """Return what came of each attempt: `ok`, or the error's name."""
    payload = [sys.executable, "-I", str(PAYLOAD), str(victim), str(folder)]
    command = confined_command(payload, replace(limits, readable=(PAYLOAD,)))
    at = command.index("-c") + 1
    command[at] = command[at].replace("from cekalwatch", f"{OLDER_LANDLOCK.format(abi)}; from cekalwatch", 1)
    done = subprocess.run(command, env=confined_environment(), capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(line.split(" ") for line in done.stdout.splitlines())


def state(victim: int, folder: Path) -> list[object]:
    """Return everything of the victim that an attempt could change."""
    about = [(path.name, oct(path.stat().st_mode), path.stat().st_mtime_ns) for path in sorted(folder.rglob("*"))]
    attributes = [os.listxattr(path) for path in sorted(folder.rglob("*.key"))]
    priority = os.getpriority(os.PRIO_PROCESS, victim)
    scheduled = os.sched_getscheduler(victim), sorted(os.sched_getaffinity(victim))
    bounds = Path(f"/proc/{victim}/limits").read_text()
    return [about, oct(folder.stat().st_mode), attributes, priority, scheduled, bounds]


@pytest.mark.slow
@pytest.mark.skipif(not seccomp.available(), reason="this kernel has no seccomp")
@pytest.mark.parametrize("abi", [7, 5])
@pytest.mark.parametrize("limits", [READER, CAMERA], ids=["reader", "camera"])
def test_nothing_that_it_tries_reaches_the_account(
    victim: subprocess.Popen[bytes], tmp_path: Path, limits: Limits, abi: int
) -> None:
    (tmp_path / "master.key").write_bytes(b"secret")
    (tmp_path / "master.key").chmod(0o600)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "bus"))
        listener.listen()
        before = state(victim.pid, tmp_path)
        found = attempted(victim.pid, tmp_path, limits, abi)
    assert victim.poll() is None, "it was ended"
    assert state(victim.pid, tmp_path) == before
    assert len(found) >= 80
    assert {name: said for name, said in found.items() if said == "ok"} == {}


def allowed(architecture: str, limits: Limits, number: int, *arguments: int) -> int:
    """Return the answer of the filter, which is run here, to a call: 0, or the number of the error."""
    data = struct.pack(
        "=iIQ6Q", number, seccomp._ARCHITECTURES[architecture], 0, *arguments, *[0] * (6 - len(arguments))
    )
    program = [struct.unpack("=HBBI", one) for one in seccomp._filter(architecture, 4711, limits)]
    at, value = 0, 0
    while True:
        code, yes, no, operand = program[at]
        at += 1
        if code == seccomp._LOAD:
            (value,) = struct.unpack_from("=I", data, operand)
        elif code == seccomp._AND:
            value &= operand
        elif code == seccomp._JUMP_EQUAL:
            at += yes if value == operand else no
        else:
            return 0 if operand == seccomp._ALLOW else operand & 0xFFFF


@pytest.mark.parametrize("place", [0, 1], ids=["x86_64", "aarch64"])
def test_calls_of_both_architectures_are_judged_alike(place: int) -> None:
    architecture = list(seccomp._ARCHITECTURES)[place]
    checked = {name: number for name, numbers in seccomp._CHECKED.items() if (number := numbers[place]) is not None}
    free = {numbers[place] for numbers in seccomp._FREE.values()}
    networks = {numbers[place] for numbers in seccomp._OF_NETWORKS.values()}
    for number in range(600):
        if number not in checked.values():
            assert (allowed(architecture, READER, number) == 0) == (number in free), number
            assert (allowed(architecture, CAMERA, number) == 0) == (number in free | networks), number
        assert allowed(architecture, CAMERA, number | 0x40000000) == errno.EPERM, "x32"
    for name, arguments, reader, camera in (
        ("kill", (4711,), 0, 0), ("kill", (1,), errno.EPERM, errno.EPERM), ("tgkill", (1,), errno.EPERM, errno.EPERM),
        ("fcntl", (0, 8), errno.EPERM, errno.EPERM), ("fcntl", (0, 3), 0, 0),
        ("prlimit64", (1,), errno.EPERM, errno.EPERM),
        ("ioctl", (0, 0x5412), errno.EPERM, errno.EPERM), ("ioctl", (0, 0x8901), errno.EPERM, errno.EPERM),
        ("openat", (0, 0, os.O_CLOEXEC), 0, 0), ("openat", (0, 0, os.O_WRONLY), errno.EPERM, errno.EPERM),
        ("openat", (0, 0, os.O_TRUNC), errno.EPERM, errno.EPERM), ("socket", (2, 1), errno.EPERM, 0),
        ("socket", (1, 1), errno.EPERM, errno.EPERM), ("socket", (2, 3), errno.EPERM, errno.EPERM),
        ("socket", (16, 3), errno.EPERM, errno.EPERM), ("clone", (0x10F00,), errno.EPERM, 0),
        ("clone", (17,), errno.EPERM, errno.EPERM), ("clone3", (), errno.EPERM, errno.ENOSYS),
        ("prctl", (15,), 0, 0), ("prctl", (22,), errno.EPERM, errno.EPERM),
    ):  # fmt: skip
        found = tuple(allowed(architecture, limits, checked[name], *arguments) for limits in (READER, CAMERA))
        assert found == (reader, camera), (name, arguments)
    usb = replace(CAMERA, network=Network.NONE, devices=(Path("/dev/video0"),))
    assert [allowed(architecture, usb, checked["ioctl"], 0, call) for call in (0xC0585611, 0x5412)] == [0, errno.EPERM]
    assert allowed(architecture, usb, checked["openat"], 0, 0, os.O_RDWR) == 0


@pytest.mark.parametrize(
    ("place", "header"),
    [(0, "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"), (1, "/usr/include/asm-generic/unistd.h")],
    ids=["x86_64", "aarch64"],
)
def test_numbers_of_calls_are_the_kernels(place: int, header: str) -> None:
    if not Path(header).exists():
        pytest.skip("needs the kernel's headers (linux-libc-dev)")
    found = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", Path(header).read_text())
    numbers = {("newfstatat" if name == "fstatat" else name): int(number) for name, number in found}
    ours = seccomp._FREE | seccomp._OF_NETWORKS | seccomp._CHECKED
    wrong = {name: numbers.get(name) for name, own in ours.items() if own[place] not in {None, numbers.get(name)}}
    assert wrong == {}

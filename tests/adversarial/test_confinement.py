"""A decoder that was taken over: it runs what the data says, and has neither keys nor much of anything else.

`eval` is the function in the confined process, so each request is code that the attacker chose.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from cekalwatch.program.confined import landlock, seccomp
from cekalwatch.program.confined.command import confined_command, confined_environment, missing_protections
from cekalwatch.program.confined.limits import Limits, Network
from cekalwatch.program.confined.pool import Cause, ConfinedError, ConfinedPool

LIMITS = Limits(memory_bytes=400_000_000, processor_s=1)
TAKEN_OVER = "builtins:eval"

needs_landlock = pytest.mark.skipif(not landlock.abi(), reason="this kernel has no Landlock")
needs_seccomp = pytest.mark.skipif(not seccomp.available(), reason="this kernel has no seccomp")


@pytest.fixture
def pool() -> Iterator[ConfinedPool]:
    """One process that runs what it is sent."""
    with closing(ConfinedPool(TAKEN_OVER, LIMITS, max_answer_bytes=1_000_000)) as made:
        yield made


def answer(pool: ConfinedPool, code: str) -> str:
    """What the process answers: the value of an expression, or the error that it met."""
    with pool.conversation() as ask:
        found = ask(f"(str({code}).encode() for _ in [0])".encode())
        assert found is not None
        return found.decode()


def error(pool: ConfinedPool, code: str) -> ConfinedError:
    """How the process ended."""
    with pytest.raises(ConfinedError) as raised:
        answer(pool, code)
    return raised.value


@needs_landlock
def test_key_file_cannot_be_read(pool: ConfinedPool, tmp_path: Path) -> None:
    key = tmp_path / "master_key"
    key.write_text("secret")
    assert error(pool, f"open({str(key)!r}).read()").detail == "PermissionError"
    assert error(pool, f"__import__('os').listdir({str(tmp_path)!r})").detail == "PermissionError"
    assert error(pool, f"open({str(tmp_path / 'new')!r}, 'w')").detail == "PermissionError"
    assert not (tmp_path / "new").exists()


@needs_landlock
def test_server_cannot_be_read_through_proc(pool: ConfinedPool) -> None:
    for file in ("environ", "mem", "maps", "fd"):
        assert error(pool, f"open('/proc/{os.getpid()}/{file}', 'rb')").detail in {
            "PermissionError",
            "IsADirectoryError",
        }


def test_no_key_is_in_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CEKALWATCH_MASTER_KEY", "secret-of-the-environment")
    monkeypatch.setenv("LIST_TOKEN", "secret-of-the-environment")
    with closing(ConfinedPool(TAKEN_OVER, LIMITS)) as pool:  # whose environment is chosen now
        assert "secret-of-the-environment" not in answer(pool, "dict(__import__('os').environ)")


def test_no_open_file_of_ours_is_inherited(pool: ConfinedPool, tmp_path: Path) -> None:
    with (tmp_path / "key").open("w") as key:
        os.set_inheritable(key.fileno(), True)
        assert error(pool, f"__import__('os').fstat({key.fileno()})").detail == "OSError"


@needs_seccomp
@pytest.mark.parametrize(
    "code",
    [
        "__import__('socket').socket()",
        "__import__('os').kill({parent}, 0)",
        "__import__('resource').prlimit({parent}, 7)",
        "__import__('os').fork()",
        "__import__('_thread').start_new_thread(print, ())",
    ],
)
def test_network_and_other_processes_are_out_of_reach(pool: ConfinedPool, code: str) -> None:
    assert error(pool, code.format(parent=os.getpid())).detail in {"PermissionError", "RuntimeError", "error"}


@needs_seccomp
def test_calls_that_look_into_processes_are_refused(pool: ConfinedPool) -> None:
    """Else each may ask its parent to look into it (PTRACE_TRACEME), which changes nothing."""
    assert answer(pool, "__import__('ctypes').CDLL(None).ptrace(0, 0, 0, 0)") == "-1"


@needs_seccomp
def test_of_processes_it_reaches_itself_alone(pool: ConfinedPool) -> None:
    """The number 0 stands for its group, and a terminal's signals for its session: both are its own."""
    own = int(answer(pool, "__import__('os').getpid()"))
    assert os.getpgid(own) == os.getsid(own) == own
    assert error(pool, "__import__('os').kill(0, 9)").cause is Cause.CRASHED


def test_it_dies_at_its_memory(pool: ConfinedPool) -> None:
    assert error(pool, "bytes(10**9)").cause is Cause.MEMORY


@pytest.mark.slow
def test_it_dies_at_its_time_and_the_next_one_has_its_own() -> None:
    with closing(ConfinedPool(TAKEN_OVER, LIMITS, answer_s=60)) as patient:
        ended = error(patient, "sum(1 for _ in iter(int, 1))")
        assert (ended.cause, ended.detail) == (Cause.TIME, "of the processor")
        assert answer(patient, "6 * 7") == "42"


@pytest.mark.slow
def test_time_of_one_conversation_is_not_taken_from_the_next(pool: ConfinedPool) -> None:
    busy = "sum(1 for _ in iter((lambda t, e: lambda: t() > e)(__import__('time').process_time, {}), True))"
    first = float(answer(pool, "__import__('time').process_time()"))
    # No round is near its second: a busy kernel counts the limit's time by ticks, which may be a third more.
    for round_ in range(1, 9):
        answer(pool, busy.format(first + 0.4 * round_))
    assert answer(pool, "__import__('os').getpid()") == answer(pool, "__import__('os').getpid()")


def test_an_answer_that_is_too_long_ends_it(pool: ConfinedPool) -> None:
    assert error(pool, "'x' * 2_000_000").cause is Cause.CRASHED
    assert answer(pool, "6 * 7") == "42"


def test_a_crash_ends_one_conversation_only(pool: ConfinedPool) -> None:
    assert error(pool, "__import__('os')._exit(3)").cause is Cause.CRASHED
    assert error(pool, "__import__('os').abort()").cause is Cause.CRASHED
    assert error(pool, "__import__('os').write(1, b'\\x04\\xff\\xff\\xff\\xff')").cause is Cause.CRASHED
    assert answer(pool, "6 * 7") == "42"


def test_a_core_is_not_dumped_and_limits_cannot_be_raised(pool: ConfinedPool) -> None:
    assert answer(pool, "__import__('resource').getrlimit(4)") == "(0, 0)"
    if os.getuid():
        assert error(pool, "__import__('resource').setrlimit(9, (10**12, 10**12))").detail == "ValueError"


@pytest.mark.slow
def test_what_neither_works_nor_answers_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cekalwatch.program.confined.pool.SLOWEST_FACTOR", 2)
    with closing(ConfinedPool(TAKEN_OVER, LIMITS)) as impatient:
        assert error(impatient, "__import__('time').sleep(600)").cause is Cause.TIME


def test_closing_ends_a_conversation_that_goes_on(pool: ConfinedPool) -> None:
    with pool.conversation() as ask:
        assert ask(b"(b'begun' if n == 0 else __import__('time').sleep(600) for n in range(2))") == b"begun"
        closer = threading.Timer(0.2, pool.close)
        closer.start()
        with pytest.raises(ConfinedError):
            ask(b"")
        closer.join()


def test_a_function_that_is_not_there_is_no_fault_of_the_data() -> None:
    with closing(ConfinedPool("cekalwatch.nowhere:decode", LIMITS)) as missing:
        assert error(missing, "1").cause is Cause.NOT_STARTED


@needs_landlock
def test_external_program_reads_what_it_is_given_and_nothing_else(tmp_path: Path) -> None:
    given, other = tmp_path / "given", tmp_path / "other"
    given.write_text("given")
    other.write_text("other")
    code = (
        f"print(open({str(given)!r}).read(), flush=True); import threading; threading.Thread(target=print).start(); "
        f"open({str(other)!r})"
    )
    limits = replace(LIMITS, readable=(given,), processes=None, network=Network.CLIENT)
    command = confined_command([sys.executable, "-I", "-c", code], limits)
    done = subprocess.run(command, env=confined_environment(), capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["given"]
    assert "PermissionError" in done.stderr


def test_missing_protections_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landlock, "abi", lambda: 0)
    assert "landlock" in missing_protections()

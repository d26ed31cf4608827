"""The confined end: one function, which answers requests from the process's standard input.

Each end has at most one message in memory, and the other end limits its size.
"""

from __future__ import annotations

import importlib
import json
import math
import sys
from typing import IO

from cekalwatch.program.confined.messages import Mark, Refusal, Served, read_message, write_message

if sys.platform != "win32":
    import resource


def main() -> None:
    """`worker MODULE:FUNCTION SECONDS`: each conversation gets that processor time. Ends with standard input."""
    asked, answers = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # a library's output is not an answer
    module, _, name = sys.argv[1].partition(":")
    try:
        function: Served = getattr(importlib.import_module(module), name)
    except Exception as error:  # noqa: BLE001  # the other end gets any error
        write_message(answers, Mark.FAILED, f"{type(error).__name__}: {error}".encode())
        return
    write_message(answers, Mark.READY)
    while message := read_message(asked):
        mark, request = message
        if mark == Mark.ASK:
            _begin_time(int(sys.argv[2]))
            _serve(function, request, asked, answers)


def _begin_time(seconds: int) -> None:
    """Let SIGXCPU end this process when `seconds` more are used up; the hard limit is that of all conversations."""
    if sys.platform != "win32":
        used = resource.getrusage(resource.RUSAGE_SELF)
        _, last = resource.getrlimit(resource.RLIMIT_CPU)
        wanted = math.ceil(used.ru_utime + used.ru_stime + seconds)
        resource.setrlimit(resource.RLIMIT_CPU, (min(wanted, last) if last != resource.RLIM_INFINITY else wanted, last))


def _serve(function: Served, request: bytes, asked: IO[bytes], answers: IO[bytes]) -> None:
    running = function(request)
    try:
        answer = next(running)
        while True:
            write_message(answers, Mark.ANSWER, answer)
            message = read_message(asked)
            if message is None or message[0] != Mark.ASK:
                running.close()
                return
            answer = running.send(message[1])
    except StopIteration:
        write_message(answers, Mark.END)
    except Refusal as refusal:
        write_message(answers, Mark.REFUSED, json.dumps([refusal.kind, refusal.detail]).encode())
    except Exception as error:  # noqa: BLE001  # decoders raise all kinds
        write_message(answers, Mark.FAILED, type(error).__name__.encode())
        sys.exit(1)


if __name__ == "__main__":
    main()

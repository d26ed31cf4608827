"""Writes down which modules of ours run, call by call, on all threads of this process."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

PARTS_OF_OTHERS = ("<module>", "<genexpr>", "<listcomp>", "<setcomp>", "<dictcomp>")
"""Code that runs as a part of the function around it, or while a module is loaded."""


@dataclass(frozen=True)
class Call:
    """A function of ours that was called, or a coroutine or generator of ours that went on."""

    module: str
    root: str
    """The module of the outermost function of ours on the stack: that of the thread or task."""


class Tracer:
    """Records calls while `recording` is set; threads that began before `tracing` are not seen."""

    def __init__(self, counts: Callable[[str], bool]) -> None:
        """`counts` says of a module's name whether it is one of ours that is no plumbing."""
        self.calls = list[Call]()
        self.recording = False
        self._counts = counts
        self._counted = dict[str, bool]()

    @contextmanager
    def tracing(self) -> Iterator[None]:
        """Look at this thread and at those that begin in the block."""
        threading.setprofile(self._see)
        sys.setprofile(self._see)
        try:
            yield
        finally:
            sys.setprofile(None)
            threading.setprofile(None)
            self.recording = False

    def _see(self, frame: FrameType, event: str, _: Any) -> None:  # the interpreter's signature
        if not self.recording or event != "call" or frame.f_code.co_name in PARTS_OF_OTHERS:
            return
        if module := self._module(frame):
            root, outer = module, frame.f_back
            while outer:
                root, outer = self._module(outer) or root, outer.f_back
            self.calls.append(Call(module, root))

    def _module(self, frame: FrameType) -> str:
        """Return the name of the frame's module; empty when it does not count."""
        name = str(frame.f_globals.get("__name__", ""))
        if name not in self._counted:
            self._counted[name] = self._counts(name)
        return name if self._counted[name] else ""

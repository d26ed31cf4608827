"""Structured logs on standard error: one JSON object a line, or a readable form on a terminal.

Logs may contain keys, codes, counts and durations, but never names, numbers of documents, pictures or templates.
"""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import TextIO, cast

import structlog


@dataclass(frozen=True)
class UnfailingStream:
    """A text stream that drops what cannot be written.

    A full disk, a closed pipe or a closed stream must not stop the work, least of all between the commit of an alert
    and its delivery.
    """

    stream: TextIO

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):  # ValueError: the stream itself is closed
            self.stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self.stream.flush()


def configure_logs(level: str = "info") -> None:
    """Send structlog to standard error; `level` is "debug", "info", "warning" or "error"."""
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(file=cast("TextIO", UnfailingStream(sys.stderr))),
        cache_logger_on_first_use=False,
    )

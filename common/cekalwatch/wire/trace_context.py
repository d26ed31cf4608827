"""The context of a trace, as it is sent with a call or kept beside a capture; see `cekalwatch.program.traces`."""

from __future__ import annotations

import re

CONTEXT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-01")
"""A context of a trace that is recorded (https://www.w3.org/TR/trace-context/)."""
TRACE_METADATA = "traceparent"
"""Metadata of a call that has the context for which it is made."""


def trace_context(context: str) -> str:
    """Return a context that somebody sent, if it is one of a recorded trace; else an empty text."""
    return context if CONTEXT.fullmatch(context) else ""

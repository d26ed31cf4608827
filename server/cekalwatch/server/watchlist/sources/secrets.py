"""Reads a source's password or token from a private file or an environment variable, never from the settings."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from cekalwatch.server.watchlist.sources.source import SourceUnavailable
from cekalwatch.wire.tls import TlsError, require_private

MAX_CHARACTERS = 16_384


def secret_form(text: str) -> str:
    """Return `text` when it says where a secret is, or nothing; raises ValueError without showing it."""
    kind, _, rest = text.partition(":")
    if text and (kind not in {"file", "env"} or not rest):
        raise ValueError("write file:PATH or env:NAME")
    return text


SecretPlace = Annotated[str, AfterValidator(secret_form)]
"""A setting that says where a secret is."""


def read_secret(place: str) -> str:
    """Return the secret, empty without `place`; raises SourceUnavailable. It is read each time, so it can change."""
    kind, _, rest = place.partition(":")
    if not place:
        return ""
    try:
        if kind == "file":
            require_private(Path(rest))
            with Path(rest).open(encoding="utf-8") as file:
                found = file.read(MAX_CHARACTERS).strip()
        else:
            found = os.environ.get(rest, "").strip()
    except TlsError as error:
        raise SourceUnavailable(str(error).replace("private key", "secret")) from None
    except (OSError, UnicodeDecodeError):
        raise SourceUnavailable(f"The secret in {place} cannot be read: it is no text, or no file") from None
    if not found or not found.isprintable() or not found.isascii():
        raise SourceUnavailable(f"There is no usable secret in {place}: printable ASCII in one line is wanted")
    return found

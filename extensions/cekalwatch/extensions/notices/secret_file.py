"""Reads a secret of a receiver from a file that nobody else may read."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cekalwatch.server.concurrency.outbox import DeliveryError, DeliveryFailure
from cekalwatch.wire.tls import TlsError, require_private

MAX_SECRET_FILE: Final = 1024
"""Characters."""


def read_secret(file: Path) -> str:
    """Return the text of a private file without white space around it; raises DeliveryError, which does not show it."""
    try:
        require_private(file)
        with file.open(encoding="utf-8") as stream:
            return stream.read(MAX_SECRET_FILE).strip()
    except TlsError as error:
        problem = str(error).replace("private key", "secret")
        raise DeliveryError(DeliveryFailure.SECRET_UNUSABLE, problem) from None
    except OSError as error:
        raise DeliveryError(DeliveryFailure.SECRET_UNUSABLE, f"{file}: {error.strerror}") from None
    except ValueError:
        raise DeliveryError(DeliveryFailure.SECRET_UNUSABLE, f"{file} is no text") from None

"""Opens the token that a URI names. PKCS#11 is an extra that only servers with keys in a token need."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.hardware.uri import TokenUri

if TYPE_CHECKING:
    from cekalwatch.server.hardware.token import Token


def open_token(uri: TokenUri) -> Token:
    """Return the token without using it yet; raises ProgramError without the extra."""
    try:
        from cekalwatch.server.hardware.token import Token
    except ModuleNotFoundError:
        raise ProgramError(
            "python-pkcs11 is not installed. Install with: pip install --no-index --find-links wheels "
            "'cekalwatch[pkcs11]'",
            Exit.MISSING_EXTRA,
        ) from None
    return Token(uri)

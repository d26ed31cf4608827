"""Windows' service that seals data for an account or a machine, with keys that it keeps itself (DPAPI)."""

from __future__ import annotations

import pywintypes
import win32crypt

_NO_QUESTIONS = 0x1
"""CRYPTPROTECT_UI_FORBIDDEN: a service has nobody who could answer."""
_FOR_MACHINE = 0x4
"""CRYPTPROTECT_LOCAL_MACHINE."""


def protect(secret: bytes, *, for_machine: bool) -> bytes:
    """Return `secret` sealed for this account, or for this machine. Raises OSError."""
    flags = _NO_QUESTIONS | (_FOR_MACHINE if for_machine else 0)
    try:
        return bytes(win32crypt.CryptProtectData(secret, "Cekalwatch", None, None, None, flags))
    except pywintypes.error as error:
        raise OSError(None, error.strerror, None, error.winerror) from None


def unprotect(sealed: bytes) -> bytes:
    """Return what was sealed. Raises OSError: another account's or machine's, or damaged."""
    try:
        return bytes(win32crypt.CryptUnprotectData(sealed, None, None, None, _NO_QUESTIONS)[1])
    except pywintypes.error as error:
        raise OSError(None, f"Windows does not open it for this account: {error.strerror}") from None

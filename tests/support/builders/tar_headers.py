"""Headers of tar archives with any field, right or not, and the right checksum."""

from __future__ import annotations

_SIZE, _CHECKSUM, _KIND = slice(124, 136), slice(148, 156), 156


def tar_header(name: bytes, size: bytes, kind: int = ord("0")) -> bytes:
    """Return a header of 512 bytes; `size` as it stands in the field."""
    header = bytearray(512)
    header[: min(100, len(name))] = name[:100]
    header[_SIZE] = size[:12].ljust(12, b"\0")
    header[_KIND] = kind
    header[_CHECKSUM] = b" " * 8
    header[_CHECKSUM] = b"%06o\0 " % sum(header)
    return bytes(header)

"""Packages of police (ANSI/NIST-ITL), written by the library nistitl."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import nistitl

FINGERPRINT = b"\x1c\x1d10.003:FACE\x1d10.999:"
"""What stands in a record that is stepped over, whatever it looks like."""


def itl_package(
    texts: Mapping[str, str | Sequence[str]], faces: Sequence[bytes] = (), number: str = "T-1", *, picture: str = "FACE"
) -> bytes:
    """A package of texts by field (types 1 and 2), two fingerprints, and pictures; a field of several is a list."""
    message = nistitl.Message()
    message.TOT = "CPS"
    message[0].TCN = number or "-"
    message[0].DAT = "20260227"
    person = nistitl.AsciiRecord(2)
    for name, value in texts.items():
        field = nistitl.Field(2, int(name.partition(".")[2]), value if isinstance(value, str) else "")
        if not isinstance(value, str):
            field.add_subfields(*map(nistitl.SubField, value))
        person += field
    message += person
    print_of_finger = nistitl.BinaryRecord(4)
    print_of_finger.value = FINGERPRINT
    message += print_of_finger
    rolled = nistitl.AsciiRecord(14)
    rolled += nistitl.BinaryField(14, 999, FINGERPRINT)
    message += rolled
    for idc, face in enumerate(faces, 2):
        record = nistitl.AsciiRecord(10)
        record.IDC = idc
        record += nistitl.Field(10, 3, picture)
        record += nistitl.BinaryField(10, 999, face)
        message += record
    return bytes(message.NIST)

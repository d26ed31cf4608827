"""Records of faces that libraries of others wrote: their first picture is read like any photograph."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from cekalwatch.pictures.errors import PictureError, PictureFault
from cekalwatch.pictures.face_record import MAX_ELEMENTS
from cekalwatch.pictures.photograph import PictureFormat, read_photograph
from tests.support.builders.face_records import new_chip, new_record, old_chip, old_record
from tests.support.builders.picture_bombs import drawing, saved

OTHER = drawing().rotate(90)
JPEG, JPEG2000 = PictureFormat.JPEG, PictureFormat.JPEG2000
RECORDS: dict[str, tuple[PictureFormat, Callable[[], bytes]]] = {
    "19794-5 with a JPEG": (JPEG, lambda: old_record(drawing(), "JPEG")),
    "19794-5 with a JPEG 2000": (JPEG2000, lambda: old_record(drawing())),
    "19794-5 with landmarks": (JPEG2000, lambda: old_record(drawing(), landmarks=12)),
    "19794-5 of several faces": (JPEG2000, lambda: old_record(drawing(), faces=3)),
    "39794-5 with a JPEG": (JPEG, lambda: new_record(saved("JPEG", quality=100))),
    "39794-5 with a JPEG 2000": (JPEG2000, lambda: new_record(saved("JPEG2000"))),
    "39794-5 with a PNG": (PictureFormat.PNG, lambda: new_record(saved("PNG"))),
    "39794-5 of several faces": (JPEG2000, lambda: new_record(saved("JPEG2000"), saved("PNG"))),
    "a chip with 19794-5": (JPEG2000, lambda: old_chip(old_record(drawing()))),
    "a chip of two faces": (JPEG2000, lambda: old_chip(old_record(drawing()), old_record(OTHER))),
    "a chip with 39794-5": (JPEG2000, lambda: new_chip(saved("JPEG2000"))),
    "a chip's file up to its full size": (JPEG2000, lambda: new_chip(saved("JPEG2000")) + bytes(500)),
}


def fault(data: bytes) -> PictureFault:
    with pytest.raises(PictureError) as caught:
        read_photograph(data)
    return caught.value.fault


@pytest.mark.parametrize("what", RECORDS)
def test_the_first_picture_of_a_record_is_read(what: str) -> None:
    kind, made = RECORDS[what]
    found = read_photograph(made())
    assert found.format is kind
    with Image.open(io.BytesIO(found.essence)) as image:
        assert np.abs(np.asarray(image).astype(int) - np.asarray(drawing())).max() <= (4 if kind is JPEG else 0)


@pytest.mark.parametrize("what", RECORDS)
def test_a_record_cut_anywhere_is_refused(what: str) -> None:
    data = RECORDS[what][1]().rstrip(b"\0")
    for end in range(8, len(data) - 1, max(1, len(data) // 60)):
        assert fault(data[:end]) is PictureFault.DAMAGED


@pytest.mark.parametrize("what", RECORDS)
def test_no_record_raises_anything_else(what: str) -> None:
    random = np.random.default_rng(9)
    good = RECORDS[what][1]()
    for _ in range(300):
        data = bytearray(good)
        for place in random.integers(0, 120, 3):
            data[place] = random.integers(256)
        try:
            read_photograph(bytes(data))
        except PictureError:
            continue


UNREAD = {
    "a record of another edition": lambda: old_record(drawing()).replace(b"FAC\x00010", b"FAC\x00030"),
    "a record in a record": lambda: new_record(old_record(drawing())),
    "a chip with a fingerprint": lambda: old_chip(b"FIR\0" + bytes(40)),
    "a record of a BMP": lambda: new_record(saved("BMP")),
}


@pytest.mark.parametrize("what", UNREAD)
def test_what_no_record_of_a_face_holds_is_not_read(what: str) -> None:
    assert fault(UNREAD[what]()) is PictureFault.OTHER_FORMAT


def test_elements_are_counted() -> None:
    assert fault(b"\x75\x82\x04\0" + b"\5\0" * 512) is PictureFault.TOO_COSTLY
    assert fault(b"\x75\x7e" + b"\5\0" * (MAX_ELEMENTS // 4 + 13)) is PictureFault.DAMAGED

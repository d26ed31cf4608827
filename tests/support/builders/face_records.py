"""Records of faces, written by libraries of others: iso19794 for the old kind, asn1tools for the new one and for chips.

The schema is that of ISO/IEC 39794-5 (its profile for chips) and of ICAO 9303-10, as far as the picture is concerned.
"""

from __future__ import annotations

import io
from functools import cache
from typing import Any

import asn1tools
import iso19794.FAC
from PIL import Image

_SCHEMA = """
Chip DEFINITIONS IMPLICIT TAGS ::= BEGIN
OldGroup ::= [APPLICATION 21] SEQUENCE { faces [APPLICATION 97] SEQUENCE {
    count INTEGER, first OldTemplate, second OldTemplate OPTIONAL } }
OldTemplate ::= [APPLICATION 96] SEQUENCE { header [1] Header, record [APPLICATION 46] OCTET STRING }
NewGroup ::= [APPLICATION 21] SEQUENCE { faces [APPLICATION 97] SEQUENCE { count INTEGER, first NewTemplate } }
NewTemplate ::= [APPLICATION 96] SEQUENCE { header [1] Header,
    record [APPLICATION 46] SEQUENCE { data [1] SEQUENCE { block Block } } }
Header ::= SEQUENCE { kind [1] OCTET STRING, owner [7] OCTET STRING, format [8] OCTET STRING }
Block ::= [APPLICATION 5] SEQUENCE { version [0] Version, representations [1] SEQUENCE OF Representation }
Version ::= SEQUENCE { generation [0] INTEGER, year [1] INTEGER }
Representation ::= SEQUENCE { id [0] INTEGER, image [1] Image, session [5] INTEGER OPTIONAL }
Image ::= CHOICE { base [0] Base }
Base ::= CHOICE { flat [0] Flat }
Flat ::= SEQUENCE { data [0] OCTET STRING, information [1] SEQUENCE { format [0] Format } }
Format ::= CHOICE { code [0] ENUMERATED {
    unknown(0), other(1), jpeg(2), jpeg2000Lossy(3), jpeg2000Lossless(4), png(5) } }
END
"""
_HEADER = {"kind": b"\2", "owner": b"\1\1", "format": b"\0\x08"}


@cache
def _schema() -> Any:
    return asn1tools.compile_string(_SCHEMA, "der")


def old_record(picture: Image.Image, kind: str = "JPEG2000", landmarks: int = 0, faces: int = 1) -> bytes:
    """An ISO/IEC 19794-5:2005 record of some faces; `kind`: JPEG or JPEG2000."""
    point = iso19794.FAC.FACLandmarkPoint(1, 0x31, 10, 10, 0)
    shown = picture.copy()
    vars(shown)["header"] = {"image_data_type": kind, "landmark_points": [point] * landmarks}
    out = io.BytesIO()
    shown.save(out, "FAC", version="010", save_all=True, append_images=[shown] * (faces - 1))
    return out.getvalue()


def _block(*files: bytes) -> dict[str, Any]:
    flat = [{"data": file, "information": {"format": ("code", "jpeg")}} for file in files]
    representations = [
        {"id": number, "image": ("base", ("flat", one)), "session": 7} for number, one in enumerate(flat)
    ]
    return {"version": {"generation": 3, "year": 2019}, "representations": representations}


def new_record(*files: bytes) -> bytes:
    """An ISO/IEC 39794-5 record of the files of pictures."""
    return bytes(_schema().encode("Block", _block(*files)))


def old_chip(*records: bytes) -> bytes:
    """Data group 2 of a chip with one or two records of the old kind."""
    first, *more = ({"header": _HEADER, "record": record} for record in records)
    faces = {"count": len(records), "first": first} | ({"second": more[0]} if more else {})
    return bytes(_schema().encode("OldGroup", {"faces": faces}))


def new_chip(file: bytes) -> bytes:
    """Data group 2 of a chip with a record of the new kind."""
    first = {"header": _HEADER, "record": {"data": {"block": _block(file)}}}
    return bytes(_schema().encode("NewGroup", {"faces": {"count": 1, "first": first}}))


def exchanged(portrait: Image.Image) -> dict[str, bytes]:
    """The files in which borders, passport offices and phones exchange a portrait, by name."""

    def saved(kind: str, **options: object) -> bytes:
        out = io.BytesIO()
        portrait.save(out, kind, **options)
        return out.getvalue()

    boxes = saved("JPEG2000")
    return {
        "passport.jp2": boxes,
        "codestream.j2k": saved("JPEG2000", no_jp2=True),
        "phone.webp": saved("WEBP", quality=90),
        "visa-19794.fac": old_record(portrait),
        "visa-39794.der": new_record(boxes),
        "chip-dg2.bin": new_chip(boxes),
    }

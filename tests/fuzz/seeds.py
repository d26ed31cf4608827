"""What fuzzing starts from: sound inputs of each kind. Its pictures are drawn, none shows a person.

python -m tests.fuzz.seeds    # writes them to tests/fuzz/corpus
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
from google.protobuf.message import Message
from openpyxl import Workbook
from PIL import Image, ImageDraw

from cekalwatch.v1 import alert_service_pb2, capture_pb2, capture_service_pb2, watchlist_pb2, watchlist_service_pb2
from cekalwatch.vision.alignment import ALIGNED_SIZE, TEMPLATE
from tests.support.builders.face_records import new_chip, new_record, old_chip, old_record
from tests.support.builders.messages import RECORD, RUN, SENT

SHEET = "xl/worksheets/sheet1.xml"
CORPUS = Path(__file__).parent / "corpus"
FIRST = (
    "order_id;subject_id;kind;decree_number;decree_date;requesting_agency;reason;valid_from;valid_until;urgent;"
    "received_on;extends_order_id;revoked_at;ground;person_status;revocation_ground;revocation_reference;name;aliases;sex;place_of_birth;date_of_birth;nationality;nik;"
    "travel_documents;address;occupation;photographs"
)
ROW = (
    "O-1;S-1;CEGAH;K-1;2026-01-01;Kejaksaan Agung;;2026-01-01;2026-06-30;no;2026-01-01;;;;SUSPECT;;;Contoh Satu;"
    "Satu|Dua;M;Batam;1970;IDN;1234567890123456;passport:X1:SGP|KTP:1;Jl. Contoh;pedagang;a.jpg|b.jpg"
)
EXTENSION = (
    'O-2;S-1;CEGAH;;;"Agung; ""K""";alasan;2026-07-01;2026-12-31;ya;2026-06-01;O-1;2026-08-01T10:00:00+07:00;'
    "NATIONAL_INTEREST;saksi;praperadilan;12/Pid.Pra/2026;Contoh Satu;;F;;1970-01-02;SGP;;;;;"
)


def store(target: str, seeds: Iterable[bytes]) -> None:
    """Write the seeds of a target into the corpus."""
    (CORPUS / target).mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds):
        (CORPUS / target / f"seed-{number:02}").write_bytes(seed)


def drawing(mode: str = "RGB", side: int = 48) -> Image.Image:
    """A round head with two eyes and a mouth."""
    picture = Image.new("RGB", (side, side), (200, 190, 180))
    pen = ImageDraw.Draw(picture)
    pen.ellipse((side // 8, side // 12, side * 7 // 8, side * 11 // 12), fill=(150, 120, 100))
    for x in (side * 3 // 8, side * 5 // 8):
        pen.ellipse((x - 2, side * 2 // 5, x + 2, side * 2 // 5 + 3), fill="black")
    pen.line((side * 3 // 8, side * 3 // 4, side * 5 // 8, side * 3 // 4), fill=(90, 20, 20), width=2)
    return picture.convert(mode)


def convert_seeds() -> Iterator[bytes]:
    """Give one message of each kind, after the byte that tells it."""
    face = capture_pb2.FaceCapture(
        **{key: SENT[key][0] for key in ("capture_id", "track_id", "capture_time", "landmarks", "detector_score")},
        quality=capture_pb2.FaceQuality(score=0.5),
        jpeg=b"\xff\xd8",
    )
    order = {field.name for field in watchlist_pb2.BanOrder.DESCRIPTOR.fields} & RECORD.keys()
    subject = {field.name for field in watchlist_pb2.Subject.DESCRIPTOR.fields} & RECORD.keys()
    stream = capture_service_pb2.StreamFacesRequest
    messages: list[tuple[int, Message]] = [
        (0, stream(hello=capture_service_pb2.Hello(camera_id="dep-1", run_id=RUN, client_version="1.0"))),
        (1, stream(face=face)),
        (1, stream(heartbeat=capture_service_pb2.Heartbeat(frames_per_second=25, dropped_total=1))),
        (1, stream(goodbye=capture_service_pb2.Goodbye(reason="end"))),
        (
            2,
            watchlist_service_pb2.ImportRecord(
                subject={key: RECORD[key][0] for key in subject},  # type: ignore[arg-type]  # protobuf takes them
                order={key: RECORD[key][0] for key in order if key != "revoked_time"},  # type: ignore[arg-type]
                photo_names=["a.jpg"],
            ),
        ),
        (
            3,
            alert_service_pb2.SubscribeAlertsRequest(
                agent_id="desk-1", after_sequence=7, filter=alert_service_pb2.AlertFilter(counters=["D1"])
            ),
        ),
        (4, alert_service_pb2.ListAlertsRequest(page_size=20, page_token=RUN)),
        (5, watchlist_service_pb2.ListSubjectsRequest(page_token="S-1")),
        (6, watchlist_service_pb2.GetSubjectRequest(subject_id="S-1")),
    ]
    for kind, message in messages:
        yield bytes([kind]) + message.SerializeToString()


def picture_seeds() -> Iterator[bytes]:
    """Give a drawing in each format, as a crop or a photograph, with landmarks where they belong."""
    landmarks = (TEMPLATE / ALIGNED_SIZE * 255).astype(np.uint8).tobytes()
    forms: list[tuple[int, str, str, dict[str, object]]] = [
        (0, "RGB", "JPEG", {}),
        (0, "L", "JPEG", {"progressive": True}),
        (1, "RGB", "JPEG", {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"}),
        (1, "CMYK", "JPEG", {"progressive": True}),
        (1, "RGBA", "PNG", {}),
        (1, "P", "PNG", {"transparency": 0}),
        (1, "I;16", "PNG", {}),
        (1, "RGB", "WEBP", {}),
        (1, "P", "GIF", {}),
        (1, "RGB", "BMP", {}),
        (1, "F", "TIFF", {"compression": "tiff_deflate"}),
        (1, "1", "TIFF", {"compression": "group4"}),
        (1, "LA", "PNG", {}),
        (1, "RGB", "JPEG2000", {}),
        (1, "RGB", "JPEG2000", {"no_jp2": True, "tile_size": (32, 32), "irreversible": True, "quality_layers": [9, 3]}),
        (1, "L", "JPEG2000", {"precinct_size": (32, 32), "comment": "a", "plt": True}),
        (1, "RGBA", "JPEG2000", {}),
    ]
    for kind, mode, name, options in forms:
        out = io.BytesIO()
        (drawing("I").convert("I;16") if mode == "I;16" else drawing(mode)).save(out, name, **options)
        yield bytes([kind]) + landmarks + out.getvalue()
    shown = drawing(side=16)
    file = io.BytesIO()
    shown.save(file, "JPEG2000")
    old = old_record(shown)
    for record in (
        old,
        old_record(shown, "JPEG", 2, 2),
        new_record(file.getvalue()),
        old_chip(old),
        new_chip(file.getvalue()),
    ):
        yield b"\1" + landmarks + record


def officer_picture_seeds() -> Iterator[bytes]:
    """Give plain JPEGs, as the server encodes them, and some that are not."""
    forms: tuple[tuple[str, dict[str, object]], ...] = (
        ("RGB", {}),
        ("RGB", {"subsampling": 0, "quality": 95}),
        ("L", {"restart_marker_blocks": 2}),
        ("RGB", {"progressive": True}),
        ("CMYK", {}),
    )
    for mode, options in forms:
        out = io.BytesIO()
        drawing(mode).save(out, "JPEG", **options)
        yield out.getvalue()


def watchlist_seeds() -> Iterator[bytes]:
    """Give tables with and without their first line."""
    yield b"\0" + f"{ROW}\n{EXTENSION}\n".encode()
    yield b"\1" + f"{FIRST}\n{ROW}\n".encode("utf-8-sig")
    yield b"\1" + f"{FIRST}\r\n{ROW}\r\n".replace(";", ",").encode()
    yield b"\1" + f"{FIRST}\n{ROW}\n".replace(";", "\t").encode()


def page_seeds() -> Iterator[bytes]:
    """Give pages of an application's orders: sound, nested, empty, and each with something odd."""
    order = dict(zip(FIRST.split(";"), ROW.split(";"), strict=True))
    rich: dict[str, object] = order | {
        "urgent": False,
        "revoked_at": None,
        "aliases": ["Satu", "Dua"],
        "travel_documents": [{"type": "passport", "number": 7, "country": "SGP"}, "KTP:1"],
        "photographs": [{"address": "a.jpg", "version": "1", "name": "a.jpg"}, "b.jpg"],
    }
    yield json.dumps({"orders": [order, rich], "withdrawn": ["O-9"], "next": "c", "more": True, "total": 3}).encode()
    yield json.dumps({"orders": [], "withdrawn": [], "more": False}).encode("utf-8-sig")
    yield json.dumps({"orders": [1, None, [], {"name": 1.5}, {"valid_from": {"a": 1}}]}).encode()
    yield b'{"orders": [{"order_id": "O-1", "order_id": "O-2", "nik": NaN, "name": "\xfc"}], "next": null}'


def spreadsheet_with(sheet: bytes) -> bytes:
    """A spreadsheet file whose only sheet is `sheet` (XML)."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as parts:
        for name, content in _sound_parts().items():
            parts.writestr(name, sheet if name == SHEET else content)
    return file.getvalue()


def spreadsheet_seeds() -> Iterator[bytes]:
    """Give a file, and its sheet alone; with texts in place, with numbers and a date."""
    sound = _sound_parts()[SHEET]
    yield b"\0" + sound
    yield b"\0" + sound.replace(b'<c r="H2" t="inlineStr">', b'<c r="H2" t="e">')
    yield b"\0" + sound.replace(b"2026-01-01", b"46023")
    yield b"\1" + spreadsheet_with(sound)


@cache
def _sound_parts() -> dict[str, bytes]:
    book, file = Workbook(write_only=True), io.BytesIO()
    sheet = book.create_sheet("Daftar")
    for line in (FIRST, ROW):
        sheet.append(line.split(";"))
    book.save(file)
    with zipfile.ZipFile(file) as parts:
        return {name: parts.read(name) for name in parts.namelist()}


def main() -> None:
    """Write them."""
    for target, seeds in (
        ("convert", convert_seeds),
        ("pictures", picture_seeds),
        ("officer_picture", officer_picture_seeds),
        ("watchlist", watchlist_seeds),
        ("page", page_seeds),
        ("spreadsheet", spreadsheet_seeds),
    ):
        store(target, seeds())


if __name__ == "__main__":
    main()

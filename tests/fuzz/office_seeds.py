"""What fuzzing of an office's messages, list files and forms starts from: sound ones, and some that are not.

python -m tests.fuzz.office_seeds    # writes them to tests/fuzz/corpus
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from datetime import timedelta

from google.protobuf.message import Message

from cekalwatch.server.domain.orders.ban_order import SubjectFile
from cekalwatch.server.grpc_api.servicers.watchlist.list_feed import listed_subject
from cekalwatch.server.storage.watchlist.list_feed import ChangedSubject
from cekalwatch.v1 import adjudication_pb2, list_feed_service_pb2, port_pb2, watchlist_pb2
from cekalwatch.v1 import port_service_pb2 as pb
from tests.fuzz.seeds import FIRST, ROW, spreadsheet_with, store
from tests.support.builders.alerts import NOON
from tests.support.builders.itl_packages import itl_package
from tests.support.builders.jpegs import plain_jpeg
from tests.support.builders.messages import RUN
from tests.support.builders.watchlist import order, subject
from tests.support.scenarios.reporting_port import alert, event


def report_seeds() -> Iterator[bytes]:
    """Give one message of each kind, after the byte that tells when it comes."""
    judged = alert(alert_id=RUN)
    finding = judged.handling.findings.add(
        outcome=adjudication_pb2.OUTCOME_REFERRED, reason=adjudication_pb2.REASON_FACE_AGREES, note="seen"
    )
    finding.person.person_id, finding.person.display_name = RUN, "Budi"
    reports = [event(7, alert(alert_id=RUN)), event(8, judged)]
    for number, one in enumerate(reports):
        told = one.event.event
        finding_time = [each.find_time for each in told.alert.handling.findings]
        for moment in (told.event_time, told.alert.capture_time, told.alert.raised_time, *finding_time):
            moment.FromDatetime(NOON - timedelta(minutes=number + 1))
    messages: list[tuple[int, Message]] = [
        (0, pb.ReportAlertsRequest(hello=port_pb2.PortHello(server_version="1.0"))),
        (1, pb.ReportAlertsRequest(log_start=port_pb2.LogStart(reason=port_pb2.START_REASON_FIRST))),
        (1, pb.ReportAlertsRequest(state=port_pb2.PortState(events_waiting=3))),
        (1, pb.ReportAlertsRequest(held=port_pb2.HeldAlerts(after_alert_id=RUN, up_to_alert_id=RUN, alert_ids=[RUN]))),
        (1, pb.ReportAlertsRequest(picture=port_pb2.PortPicture(request_id=1, probe_jpeg=plain_jpeg()))),
        *((1, one) for one in reports),
    ]
    for kind, message in messages:
        yield bytes([kind]) + message.SerializeToString()


def centre_seeds() -> Iterator[bytes]:
    """Give a subject with an order, one that is gone, one that nobody can read, and pieces of photographs."""
    file = SubjectFile(subject("S-1"), (order("O-1", subject_id="S-1"),), ())
    listed = listed_subject(ChangedSubject(1, "S-1", file, held=True))
    for message in (
        listed,
        list_feed_service_pb2.ListedSubject(subject_id="S-2"),
        list_feed_service_pb2.ListedSubject(subject_id="S-3", incomplete=True),
    ):
        yield b"\0" + message.SerializeToString()
    reference = watchlist_pb2.ReferenceFace(reference_id=RUN, jpeg=plain_jpeg(), eye_distance_px=60)
    for template in (b"", bytes(4 * 512)):
        piece = list_feed_service_pb2.FetchReferencesResponse(
            reference=reference, template=template, data=plain_jpeg(), last=True
        )
        yield b"\1" + piece.SerializeToString()


def archive_seeds() -> Iterator[bytes]:
    """Give archives: of a table, in a folder with pictures, packed in other ways, and of a spreadsheet."""
    table = f"{FIRST}\n{ROW}\n"
    for kind, base in (
        (zipfile.ZIP_STORED, ""),
        (zipfile.ZIP_DEFLATED, "list/"),
        (zipfile.ZIP_LZMA, ""),
        (zipfile.ZIP_BZIP2, ""),
    ):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", kind) as archive:
            archive.writestr(zipfile.ZipInfo(f"{base}orders.csv"), table, kind)
            archive.writestr(zipfile.ZipInfo(f"{base}photos/a.jpg"), plain_jpeg(), kind)
        yield file.getvalue()
    yield spreadsheet_with(b"<worksheet/>")
    yield b"PK\x05\x06" + bytes(18)


def form_seeds() -> Iterator[bytes]:
    """Give a form of fields, one that was kept, and one with a file."""
    kept = json.dumps(["/list/sync/accept", {"reason": "agreed"}])
    yield b"\0name=budi&password=a+long+one&after=%2Flist%3Fa%3D1"
    yield b"\0kept=" + kept.replace('"', "%22").encode() + b"&after=//elsewhere.example"
    part = b'--x\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n'
    yield b"\1" + part % (b"encoding", b"", b"utf-8") + b"--x--\r\n"
    yield (
        b"\1"
        + part % (b"form_token", b"", b"t")
        + part % (b"file", b'; filename="a.csv"', FIRST.encode())
        + b"--x--\r\n"
    )


def package_seeds() -> Iterator[bytes]:
    """Give packages of police: with faces and without, with texts of several parts, and one in another encoding."""
    yield itl_package({"2.030": "Contoh, Satu", "2.034": ("Satu", "Si Dua")}, (b"\xff\xd8a", b"\xff\xd8b"))
    yield itl_package({"2.010": "P-1"})
    yield itl_package({"2.010": "P-1", "2.200": ""}, (b"t",), picture="TATTOO")
    yield itl_package({"2.030": "Jos\xe9"}, (b"",))


def main() -> None:
    """Write them."""
    store("port_report", report_seeds())
    store("centre_list", centre_seeds())
    store("list_archive", archive_seeds())
    store("package", package_seeds())
    store("console_form", form_seeds())


if __name__ == "__main__":
    main()

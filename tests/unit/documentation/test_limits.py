"""`docs/limits.md` states the figures that the code has."""

from __future__ import annotations

import re

import pytest

from cekalwatch.console import import_jobs, security_middleware, serving
from cekalwatch.contract.values import alerts, reports
from cekalwatch.contract.values import surveys as survey
from cekalwatch.contract.values.subjects import MAX_ORDERS, MAX_REFERENCES
from cekalwatch.contract.values.watchlist import MAX_SEARCH_TEXT
from cekalwatch.extensions.nist_source import package
from cekalwatch.extensions.nist_source import source as package_source
from cekalwatch.notifier.desktop.widgets.picture_decoder import DECODE_DEADLINE_S
from cekalwatch.pictures import face_record, jpeg, jpeg2000, photograph, png, tiff, webp
from cekalwatch.program import web_connections
from cekalwatch.server.alerts import report_receiver
from cekalwatch.server.auth import approvals, limits, refusals
from cekalwatch.server.auth.signing_in import openid
from cekalwatch.server.capture import aiming, credit_window, processing, session, surveys
from cekalwatch.server.capture.passages import MAX_CROPS, MAX_EACH
from cekalwatch.server.domain.alerts.alert import MAX_SIGHTINGS
from cekalwatch.server.domain.alerts.field_report import MAX_AGENCIES
from cekalwatch.server.foundation.errors import Code
from cekalwatch.server.grpc_api import messages, server
from cekalwatch.server.grpc_api.clients import report_stream
from cekalwatch.server.grpc_api.servicers import enrolment
from cekalwatch.server.grpc_api.servicers.watchlist import list_file
from cekalwatch.server.health.monitoring import listener
from cekalwatch.server.recognition import crop_decoder, photographs
from cekalwatch.server.recognition.crop_decoder import CROP_LIMITS
from cekalwatch.server.recognition.photographs import DECODER_LIMITS
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.storage.alerts import reading
from cekalwatch.server.storage.alerts import store as alert_store
from cekalwatch.server.transport import address_blocklist, connections, process
from cekalwatch.server.watchlist import list_feed, subject_search
from cekalwatch.server.watchlist.imports import records, upload
from cekalwatch.server.watchlist.sources import values
from cekalwatch.server.watchlist.sources.centre import following
from cekalwatch.server.watchlist.sources.centre import records as centre_records
from cekalwatch.server.watchlist.sources.files import (
    archive,
    csv_process,
    csv_table,
    shared_texts,
    sheet,
    spreadsheet,
)
from cekalwatch.server.watchlist.sources.files import upload as uploaded
from cekalwatch.server.watchlist.sources.settings import HttpSettings
from cekalwatch.server.watchlist.sources.web import client as web
from cekalwatch.server.watchlist.sources.web import json_page
from cekalwatch.wire import bounds, options
from cekalwatch.wire.bounds import CHEAP_PAGE
from cekalwatch.wire.identity import DeviceRole
from tests.support.repository import ROOT

PAGE = (ROOT / "docs" / "limits.md").read_text("utf-8")
ROWS = dict(re.findall(r"^\| ([^|]+) \| ([^|]+) \|", PAGE, re.MULTILINE))
SETTINGS = ServerSettings()
FIGURES: dict[str, tuple[float, ...]] = {
    "a message, either way": (bounds.MAX_MESSAGE_BYTES,),
    "headers of a call": (options.MAX_METADATA_BYTES,),
    "a crop": (bounds.MAX_CROP_BYTES, bounds.MAX_CROP_PIXELS),
    "scans of a crop": (1,),
    "a photograph": (
        bounds.MAX_PHOTO_BYTES,
        photographs.MAX_PHOTO_PIXELS,
        photographs.MAX_PHOTO_SIDE,
        jpeg2000.MAX_SAMPLES,
    ),
    "a picture for aiming": (bounds.MAX_AIMING_BYTES, *bounds.MAX_AIMING_SIDES),
    "scans of a photograph": (jpeg.MAX_SCANS, photograph.MAX_SCAN_PIXELS),
    "parts of a photograph's file": (
        jpeg.MAX_SEGMENTS,
        png.MAX_CHUNKS,
        webp.MAX_CHUNKS,
        tiff.MAX_ENTRIES,
        tiff.MAX_STRIPS,
        face_record.MAX_ELEMENTS,
        jpeg2000.MAX_SEGMENTS,
        jpeg2000.MAX_TILES,
        jpeg2000.MAX_TILE_PARTS,
        jpeg2000.MAX_BLOCKS,
        jpeg2000.MAX_PACKETS,
    ),
    "a report of the field": (reports.MAX_SPAN.days, MAX_AGENCIES),
    "a picture on an officer's screen": (bounds.MAX_CROP_PIXELS, DECODE_DEADLINE_S),
    "a photograph's memory while it is decoded": (photographs.DECODE_BYTES,),
    "a package of police": (
        package.MAX_PACKAGE_BYTES,
        package.MAX_RECORDS,
        package.MAX_FIELDS,
        package_source.MAX_PACKAGES,
    ),
    "photographs of a record": (bounds.MAX_PHOTOS_PER_RECORD,),
    "a page of a list": (bounds.MAX_PAGE,),
    "a key": (records.MAX_KEY,),
    "a name": (records.MAX_NAME,),
    "an address": (records.MAX_ADDRESS,),
    "a reason": (records.MAX_REASON,),
    "aliases of a subject": (records.MAX_ALIASES,),
    "travel documents of a subject": (records.MAX_DOCUMENTS,),
    "orders of a subject": (MAX_ORDERS,),
    "reference faces of a subject": (MAX_REFERENCES,),
    "sightings told with an alert": (MAX_SIGHTINGS,),
    "passages of an alert with which a face is compared": (reading.MAX_COMPARED,),
    "a page of an application's orders": (HttpSettings.max_page_bytes,),
    "redirections of an application, to itself": (web.MAX_REDIRECTS,),
    "a line of a CSV table": (csv_table.MAX_LINE_BYTES,),
    "a text in a source's row": (values.MAX_CHARACTERS,),
    "a number in a source's row": (values.MAX_DIGITS,),
    "a spreadsheet": (sheet.MAX_ROWS, sheet.MAX_FILE_BYTES, sheet.MAX_UNPACKED_BYTES),
    "a part of a spreadsheet": (
        sheet.MAX_PART_BYTES,
        sheet.MAX_SMALLER_PART_BYTES["xl/styles.xml"],
        sheet.MAX_SMALLER_PART_BYTES["[content_types].xml"],
    ),
    "the texts that the cells of a spreadsheet share": (shared_texts.MAX_ELEMENTS,),
    "the last row of a spreadsheet": (sheet.LAST_ROW,),
    "the rows of a spreadsheet": (spreadsheet.MAX_ROWS_BYTES,),
    "chunks of a list file, and of all photographs of a record": (bounds.MAX_CHUNKS,),
    "photographs of a subject that a centre gives": (centre_records.MAX_RECORD_BYTES, centre_records.MAX_PIECES),
    "a list as one file": (bounds.MAX_LIST_FILE_BYTES, list_file.MAX_ROWS),
    "an archive of a list": (
        archive.MAX_ENTRIES,
        archive.MAX_TABLE_BYTES,
        archive.MAX_UNPACKED_BYTES,
        archive.MAX_EXPANSION,
    ),
    "a process that unpacks an archive of a list": (uploaded.MEMORY_BYTES, uploaded.PROCESSOR_S),
    "list files that are read": (list_file.MAX_FILES,),
    "list files that a web console holds": (import_jobs.MAX_FILES, import_jobs.KEEP_FILE_S),
    "a process that decodes crops": (CROP_LIMITS.memory_bytes, CROP_LIMITS.processor_s, crop_decoder.ANSWER_S),
    "decoders that crops of one camera end": (crop_decoder.MAX_ENDED, 1, 1 / crop_decoder.ENDED_PER_S),
    "new connections of an address that flooded one": (address_blocklist.BARRED_S, address_blocklist.MAX_BARRED),
    "a process that decodes photographs": (DECODER_LIMITS.memory_bytes, DECODER_LIMITS.processor_s),
    "a process that reads a CSV table": (csv_process.MEMORY_BYTES, csv_process.PROCESSOR_S),
    "a process that reads a spreadsheet": (spreadsheet.MEMORY_BYTES, spreadsheet.PROCESSOR_S),
    "a process that reads pages": (json_page.MEMORY_BYTES, json_page.MEMORY_FACTOR, json_page.PROCESSOR_S),
    "subjects that one search of the list reads": (subject_search.MAX_READ, subject_search.MAX_HELD),
    "a text that the list is searched for": (MAX_SEARCH_TEXT,),
    "counters in a filter": (alerts.MAX_COUNTERS,),
    "agents whose position is kept": (alert_store.MAX_AGENTS,),
    "calls on one connection": (options.MAX_STREAMS_PER_CONNECTION,),
    "calls of one camera": (limits.MAX_OPEN[DeviceRole.CAMERA],),
    "calls of one notifier": (limits.MAX_OPEN[DeviceRole.NOTIFIER],),
    "events that a port reports before the next receipt": (report_receiver.ReportTerms().window,),
    "signs of life and pictures of a port": (
        report_receiver.MAX_MESSAGES,
        report_receiver.MESSAGES_PER_S,
        report_receiver.SIGNS_A_PERIOD,
    ),
    "messages of a centre to its port": (
        report_stream.MAX_ANSWERS,
        report_stream.ANSWERS_PER_S,
        report_stream.MAX_WAITING,
        report_stream.MAX_PICTURES_WAITING,
    ),
    "news of a centre's list to its port": (following.MAX_NEWS, following.NEWS_PER_S),
    "pages of the list that a port had before, and photographs of subjects that are not new to it": (
        list_feed.AGAIN_AT_ONCE,
        list_feed.AGAIN_PER_S,
    ),
    "events of a port": (report_receiver.EVENTS_PER_S, report_receiver.MAX_EVENTS),
    "pictures that a centre asks of a port": (
        report_receiver.MAX_PICTURES,
        report_stream.PICTURES_PER_S,
        report_stream.MAX_PICTURES,
    ),
    "pictures for aiming of one camera, for one person": (aiming.MAX_PICTURES, 1, 1 / aiming.PICTURES_PER_S),
    "surveys of one camera": (surveys.MAX_SURVEYS, 1, 1 / surveys.SURVEYS_PER_S, survey.MAX_KEPT),
    "requests of a session for a signature at another machine": (approvals.MAX_OF_A_SESSION,),
    "a request for a signature at another machine, and the signature": (approvals.LASTS.seconds,),
    "calls of one port's server": (limits.MAX_OPEN[DeviceRole.PORT],),
    "calls of one web console": (limits.MAX_OPEN[DeviceRole.CONSOLE],),
    "calls of one diagnostics device": (limits.MAX_OPEN[DeviceRole.DIAGNOSTICS],),
    "calls of the server's own certificate": (limits.MAX_OPEN[DeviceRole.SERVER],),
    "faces of a stream that wait to be taken in": (
        credit_window.FIRST_CREDITS,
        SETTINGS.credits,
        credit_window.BUSY_CREDITS,
        credit_window.BUSY_S,
    ),
    "messages of a camera's stream that are no faces": (
        session.MAX_MESSAGES,
        session.MESSAGES_PER_S,
        session.SIGNS_A_PERIOD,
    ),
    "faces of a stream that wait for their receipts": (session.MAX_WITHOUT_RECEIPT,),
    "crops of a track that are kept": (MAX_CROPS,),
    "tracks of one camera in memory": (MAX_EACH,),
    "capture ids that are remembered": (processing.MAX_REMEMBERED,),
    "imports": (upload.MAX_IMPORTS,),
    "photographs on their way": (upload.UPLOAD_BYTES,),
    "photographs being decoded": (photographs.DECODE_BYTES,),
    "enrolments of devices": (enrolment.MAX_ENROLMENTS,),
    "enrolments from one address": (enrolment.MAX_ENROLMENTS_OF_ADDRESS,),
    "connections": (SETTINGS.connections, process.RESERVED),
    "connections of one address": (SETTINGS.connections_per_address,),
    "bytes on a connection before its first call": (connections.MAX_STRANGER_BYTES,),
    "bytes on a connection that are no messages or headers of calls": (
        connections.MAX_SURPLUS_BYTES,
        connections.SURPLUS_BYTES_PER_S,
    ),
    "connections to the enrolment listener": (
        server.MAX_CONNECTIONS,
        server.MAX_CONNECTIONS_OF_ADDRESS,
    ),
    "connections to the listener for metrics": (listener.MAX_CONNECTIONS, listener.MAX_CONNECTIONS_OF_ADDRESS),
    "connections of browsers to a web console": (
        web_connections.MAX_CONNECTIONS,
        web_connections.MAX_CONNECTIONS_OF_ADDRESS,
    ),
    "headers of a browser's request": (serving.HEADERS_BYTES,),
    "a form of the web console": (security_middleware.MAX_FORM_BYTES,),
    "a refresh token of the identity provider": (openid.MAX_REFRESH_TOKEN,),
    "an answer of the identity provider": (openid.MAX_BYTES,),
    "a browser's connection without TLS": (web_connections.HANDSHAKE_S,),
    "a browser's request, without its body": (web_connections.REQUEST_S, web_connections.KEEP_ALIVE_S),
    "the body of a browser's request": (web_connections.BODY_S, web_connections.MIN_BYTES_PER_S),
    "an answer that a browser does not read": (web_connections.READING_S,),
    "an answer of the identity provider, or of an authority of time stamps": (openid.LONGEST_S,),
    "a request to the listener for metrics": (listener.MAX_REQUEST_BYTES,),
    "a connection to the listener for metrics": (listener.CONNECTION_S,),
    "connected, and no TLS and HTTP/2 yet": (options.HANDSHAKE_TIMEOUT_MS / 1000,),
    "pings are not answered": ((options.KEEPALIVE_PERIOD_MS + options.KEEPALIVE_TIMEOUT_MS) / 1000,),
    "a connection without calls": (options.CONNECTION_IDLE_MS / 1000,),
    "a call, and its request does not come": (messages.REQUEST_S,),
    "a capture stream without hello": (SETTINGS.handshake_seconds,),
    "a camera that is asked for a picture": (aiming.ANSWER_S,),
    "a camera without heartbeat": (session.MISSED_HEARTBEATS, SETTINGS.heartbeat_period_seconds),
    "an import whose client sends nothing": (SETTINGS.import_stall_seconds,),
    "a record whose photographs do not come to an end": (SETTINGS.import_record_seconds,),
    "a stream whose client does not read": (SETTINGS.reader_stall_seconds,),
}


def test_every_row_is_held_here() -> None:
    assert set(ROWS) - {"what", "---"} == set(FIGURES)


@pytest.mark.parametrize("what", FIGURES)
def test_a_row_states_the_programs_figures(what: str) -> None:
    found = [float(number) for number in re.findall(r"\d+(?:\.\d+)?", ROWS[what])]
    assert found[: len(FIGURES[what])] == list(FIGURES[what])


def test_rates_are_the_programs() -> None:
    for words in (
        f"{limits.MAX_TOKENS:g} tokens, and gets {limits.TOKENS_PER_S:g} a second back",
        f"A call takes {limits.DEFAULT_COST:g}, a page {limits.COST_OF_ENTRY:g} more for each entry beyond",
        f"beyond {CHEAP_PAGE}, a look at an alert or a subject and its pictures {limits.VIEW_COST:g}",
        f"a call for the status or the health {limits.STATUS_COST:g}",
        f"and an acknowledgement {limits.ACKNOWLEDGEMENT_COST:g}",
        f"a call waits for them up to {limits.MAX_WAIT_S:g} s",
        f"after {limits.REFUSAL_DELAY_S:g} s",
        f"those of the next {refusals.PERIOD.total_seconds():g} s as one sum, for at most {refusals.MAX_KINDS} kinds",
    ):
        assert words in " ".join(PAGE.split())


def test_codes_that_are_named_exist() -> None:
    named = set(re.findall(r"`([A-Z_]+)`", PAGE))
    assert named <= set(Code)
    assert f"waits up to {photographs.DECODE_WAIT_S:g} s" in PAGE
    assert photographs.DECODE_WAIT_S == upload.UPLOAD_WAIT_S

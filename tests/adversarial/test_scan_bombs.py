"""Pictures that cost too much: sent by a camera, given with a list, and shown to an officer.

A decoder goes through all blocks of a picture for each of its scans: 40 kB of empty scans took 12 s, and every camera
waited for the decoder.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import pytest
import structlog
from PySide6.QtCore import QTimer
from PySide6.QtGui import QImage
from pytestqt.qtbot import QtBot

from cekalwatch.notifier.desktop.widgets import picture_decoder
from cekalwatch.notifier.desktop.widgets.comparison import PhotoView
from cekalwatch.notifier.desktop.widgets.picture_decoder import PictureDecoder
from cekalwatch.pictures.photograph import read_photograph
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.recognition.crops import decode_crop
from cekalwatch.server.recognition.photographs import decode_photograph
from cekalwatch.v1 import alert_service_pb2, alert_service_pb2_grpc, capture_pb2, watchlist_pb2
from cekalwatch.v1.watchlist_service_pb2_grpc import WatchlistServiceStub
from tests.integration.watchlist.test_watchlist_upload import sent
from tests.support.builders.jpegs import plain_jpeg, repeated_scans, scan_bomb, segment
from tests.support.builders.picture_bombs import READ, REFUSED, SIDE
from tests.support.scenarios.server import CaptureClient, face, list_astronaut, running, settings

BOMBS = 32
WAIT_S = 60.0
WAIT_MS = 60_000
STUCK_S = 10.0
"""How long a decoder is stuck at most: a window that gave up later would show its picture."""
MISSING = "does not load"
CROP_BOMBS: dict[str, Callable[[], bytes]] = {
    "progressive": lambda: scan_bomb(1_000, 1_000, 3_100),
    "baseline": lambda: repeated_scans(1_000, 1_000, 3_950),
}


@pytest.mark.parametrize("kind", CROP_BOMBS)
def test_no_bomb_of_a_camera_is_decoded(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("was decoded"))
    with pytest.raises(CekalwatchError) as refused:
        decode_crop(CROP_BOMBS[kind]())
    assert refused.value.code is Code.CROP_NOT_JPEG


@pytest.mark.slow
@pytest.mark.parametrize("kind", CROP_BOMBS)
async def test_bombs_of_one_camera_keep_no_other_waiting(tmp_path: Path, kind: str) -> None:
    bomb = CROP_BOMBS[kind]()
    assert 35_000 < len(bomb) < 45_000
    async with running(settings(tmp_path)) as server, asyncio.timeout(WAIT_S):
        other = await CaptureClient.open(server.channel, "arr-1")
        hostile = await CaptureClient.open(server.channel, "dep-1")
        receipts: list[capture_pb2.CaptureReceipt] = []
        while len(receipts) < BOMBS:
            ahead = hostile.credits
            for number in range(ahead):
                await hostile.send(face(track=str(number), jpeg=bomb))
            assert await other.receipt(face()) == ("ACCEPTED", "")
            receipts += await hostile.receipts(ahead)
    assert {one.outcome for one in receipts} == {capture_pb2.CAPTURE_OUTCOME_REJECTED}
    assert {one.reason for one in receipts} == {"CROP_NOT_JPEG"}


async def test_an_officer_gets_no_bytes_of_a_camera(tmp_path: Path) -> None:
    """What the metadata of a crop says reaches no PC, and neither does a picture that is hidden in it."""
    chosen = settings(tmp_path)
    list_astronaut(chosen)
    message = b"an exploit for somebody's decoder"
    async with running(chosen) as server, asyncio.timeout(WAIT_S):
        camera = await CaptureClient.open(server.channel)
        plain = face().jpeg
        hidden = segment(0xFE, message) + segment(0xE2, message) + segment(0xE1, b"Exif\0\0" + message)
        assert await camera.receipt(face(jpeg=plain[:2] + hidden + plain[2:])) == ("ACCEPTED", "")
        stub = alert_service_pb2_grpc.AlertServiceStub(server.channel)
        (alert,) = (await stub.ListAlerts(alert_service_pb2.ListAlertsRequest())).alerts
        request = alert_service_pb2.GetAlertRequest(alert_id=alert.alert_id, include_images=True)
        images = (await stub.GetAlert(request)).images
    assert images.probe_jpeg
    assert images.references
    for jpeg in (images.probe_jpeg, images.references[0].jpeg):
        assert message not in jpeg
        assert picture_decoder.decoded_picture(jpeg).width() > 50, "every program takes what the server sends"


async def test_bombs_in_a_list_are_refused_and_their_orders_stored(tmp_path: Path) -> None:
    bombs = [REFUSED[kind]() for kind in list(REFUSED)[:2]]
    async with running(settings(tmp_path)) as server, asyncio.timeout(WAIT_S):
        call: Any = WatchlistServiceStub(server.channel).ImportWatchlist()
        for number, bomb in enumerate(bombs):
            for request in sent(bomb, number):
                await call.write(request)
        reports = [(await call.read()).report for _ in bombs]
        await call.done_writing()
    assert {one.outcome for one in reports} == {watchlist_pb2.IMPORT_OUTCOME_STORED}
    assert [[photo.reason for photo in one.photos] for one in reports] == [["PHOTO_TOO_LARGE"]] * len(bombs)


@pytest.mark.parametrize("kind", REFUSED)
def test_a_photograph_that_costs_too_much_is_refused_before_it_is_decoded(kind: str) -> None:
    with pytest.raises(CekalwatchError) as caught:
        decode_photograph(REFUSED[kind]())
    assert caught.value.code in (Code.PHOTO_TOO_LARGE, Code.PHOTO_UNREADABLE)


@pytest.mark.parametrize("kind", READ)
def test_metadata_of_a_photograph_costs_nothing(kind: str) -> None:
    data = READ[kind]()
    assert decode_photograph(data).shape == (SIDE, SIDE, 3)
    assert len(read_photograph(data).essence) < len(data) / 20, "no decoder gets it"


@pytest.fixture
def view(qtbot: QtBot) -> PhotoView:
    made = PhotoView()
    qtbot.addWidget(made)
    return made


@pytest.mark.parametrize("kind", CROP_BOMBS)
def test_an_officers_window_decodes_no_bomb(
    qtbot: QtBot, view: PhotoView, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(picture_decoder, "QImageReader", lambda *_: pytest.fail("was decoded"))
    with structlog.testing.capture_logs() as written:
        view.show_picture(CROP_BOMBS[kind](), MISSING)
        qtbot.waitUntil(lambda: view.words == MISSING, timeout=WAIT_MS)
    assert not view.loaded
    assert [entry["event"] for entry in written] == ["picture_not_decoded"]


def test_an_officers_window_shows_a_plain_picture(qtbot: QtBot, view: PhotoView) -> None:
    view.show_picture(plain_jpeg(200, 100), MISSING)
    qtbot.waitUntil(lambda: view.loaded, timeout=WAIT_MS)
    assert view.words == ""
    view.show_picture(b"", MISSING)
    assert view.words == MISSING


@pytest.fixture
def stuck(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A decoder that does not end before the event is set."""
    free = threading.Event()

    def decode(_: bytes) -> QImage:
        free.wait(STUCK_S)
        return QImage(8, 8, QImage.Format.Format_RGB32)

    monkeypatch.setattr(picture_decoder, "decoded_picture", decode)
    yield free
    free.set()


def test_a_decoder_that_does_not_end_keeps_no_window_waiting(qtbot: QtBot, stuck: threading.Event) -> None:
    decoder, turns, found = PictureDecoder(deadline_s=0.2), [0], list[QImage]()
    decoder.decoded.connect(found.append)
    others = QTimer(interval=1)
    others.timeout.connect(lambda: turns.append(turns[-1] + 1))
    others.start()
    decoder.decode(b"")
    qtbot.waitUntil(lambda: bool(found), timeout=WAIT_MS)
    assert found[0].isNull()
    assert len(turns) > 2, "the windows went on"
    stuck.set()
    qtbot.waitUntil(lambda: len(found) > 1, timeout=WAIT_MS)
    assert not found[1].isNull(), "a busy PC shows it late"
    decoder.decode(b"")
    decoder.forget()

"""Decodes the pictures on screen, outside the windows' thread and within a time limit.

The server sends pictures that it encoded itself. In case it does not, anything other than a plain JPEG is not decoded,
and a decoder that does not end does not block a window.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future

import structlog
from PySide6.QtCore import QBuffer, QElapsedTimer, QObject, QTimer, Signal
from PySide6.QtGui import QImage, QImageReader

from cekalwatch.pictures.errors import PictureError
from cekalwatch.pictures.jpeg import read_plain_jpeg
from cekalwatch.wire.bounds import MAX_CROP_PIXELS

DECODE_DEADLINE_S = 2.0
"""A picture takes some milliseconds. After this time a text is shown in its place."""

_LOOK_EVERY_MS = 10
_LOOK_LATER_MS = 200

log = structlog.get_logger()


class PictureDecoder(QObject):
    """One picture at a time: a new request cancels the answer to the earlier one."""

    decoded = Signal(QImage)
    """The last requested picture; a null one when it cannot be shown, and after its time limit.

    If a picture arrives later because the PC was busy, it is shown then.
    """

    def __init__(self, parent: QObject | None = None, deadline_s: float = DECODE_DEADLINE_S) -> None:
        super().__init__(parent)
        self._deadline_s = deadline_s
        self._wanted: Future[QImage] = Future()
        self._since = QElapsedTimer()
        self._look_again = QTimer(self)
        self._look_again.timeout.connect(self._look)

    def decode(self, jpeg: bytes) -> None:
        """Begin to decode; `decoded` follows, in the windows' thread."""
        self._wanted = Future()
        # No pool: its end would wait for a decoder that does not end.
        threading.Thread(target=_work, args=(jpeg, self._wanted), name="picture", daemon=True).start()
        self._since.start()
        self._look_again.start(_LOOK_EVERY_MS)

    def forget(self) -> None:
        """Give no answer about the last request."""
        self._look_again.stop()

    def _look(self) -> None:
        # The thread uses no Qt object that may be deleted in the meantime, so this side watches it.
        if self._wanted.done():
            self._look_again.stop()
            self.decoded.emit(self._wanted.result())
        elif self._look_again.interval() == _LOOK_EVERY_MS and self._since.elapsed() > self._deadline_s * 1000:
            log.warning("picture_not_decoded", problem=f"not within {self._deadline_s:g} s")
            self._look_again.start(_LOOK_LATER_MS)
            self.decoded.emit(QImage())


def _work(jpeg: bytes, wanted: Future[QImage]) -> None:
    wanted.set_result(decoded_picture(jpeg))


def decoded_picture(jpeg: bytes) -> QImage:
    """Return the picture, or a null one: a damaged, unusual or too large picture must not stop the alert."""
    try:
        essence = read_plain_jpeg(jpeg, MAX_CROP_PIXELS).essence
    except PictureError as error:
        log.warning("picture_not_decoded", problem=str(error))
        return QImage()
    buffer = QBuffer()
    buffer.setData(essence)
    reader = QImageReader(buffer, b"jpeg")
    reader.setAutoDetectImageFormat(False)
    return reader.read()

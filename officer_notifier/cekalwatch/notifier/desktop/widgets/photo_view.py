"""A picture of a face, as large as its place allows, that can be enlarged and moved."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QImage, QMouseEvent, QPainter, QPaintEvent, QPixmap, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from cekalwatch.notifier.desktop.widgets.picture_decoder import PictureDecoder

MAX_ZOOM = 8.0
ZOOM_STEP = 1.25


class PhotoView(QWidget):
    """Shows one picture, or words in its place when it cannot be loaded. It passes zooming on: two zoom together."""

    zoom_asked = Signal(float)
    """By which factor the person wants it larger."""
    moved = Signal(QPointF)
    """By how much of its size the person moved it."""

    def __init__(self) -> None:
        super().__init__()
        self._jpeg = b""
        self._picture = QPixmap()
        self._missing = ""
        self._decoding = False
        self._decoder = PictureDecoder(self)
        self._decoder.decoded.connect(self._decoded)
        self._zoom = 1.0
        self._centre = QPointF(0.5, 0.5)
        self._drag: QPoint | None = None
        self.setMinimumSize(200, 180)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    @property
    def loaded(self) -> bool:
        """Whether there is a picture."""
        return not self._picture.isNull()

    @property
    def zoom(self) -> float:
        """How much larger than to fit, 1 to 8."""
        return self._zoom

    @property
    def words(self) -> str:
        """What is said in place of the picture; empty where there is one, and while it is decoded."""
        return "" if self.loaded or self._decoding else self._missing

    def show_picture(self, jpeg: bytes, missing: str) -> None:
        """Show a picture; `missing` is said when there is none (no bytes), or when it is damaged."""
        self._missing = missing
        if jpeg != self._jpeg:
            self._jpeg = jpeg
            self._picture = QPixmap()
            self._decoding = bool(jpeg)
            if jpeg:
                self._decoder.decode(jpeg)
            else:
                self._decoder.forget()
            self.set_view(1.0, QPointF(0.5, 0.5))
        self.update()

    def set_view(self, zoom: float, centre: QPointF) -> None:
        """Show it `zoom` times as large as fits, around `centre` (0 to 1 in both directions)."""
        self._zoom = min(max(zoom, 1.0), MAX_ZOOM)
        margin = 0.5 / self._zoom
        self._centre = QPointF(min(max(centre.x(), margin), 1 - margin), min(max(centre.y(), margin), 1 - margin))
        self.update()

    @property
    def centre(self) -> QPointF:
        """Which point of the picture is in the middle."""
        return self._centre

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002, N802  # Qt's name
        """Paint the visible part."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        if not self.loaded:
            painter.drawText(
                self.rect().adjusted(12, 12, -12, -12),
                int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap),
                self.words,
            )
            return
        size = self._picture.size()
        fitted = size.scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio)
        place = QRectF(
            (self.width() - fitted.width()) / 2,
            (self.height() - fitted.height()) / 2,
            fitted.width(),
            fitted.height(),
        )
        width, height = size.width() / self._zoom, size.height() / self._zoom
        part = QRectF(
            self._centre.x() * size.width() - width / 2, self._centre.y() * size.height() - height / 2, width, height
        )
        painter.drawPixmap(place, self._picture, part)

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802
        """Ask for a larger or smaller view."""
        self.zoom_asked.emit(ZOOM_STEP if event.angleDelta().y() > 0 else 1 / ZOOM_STEP)
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Begin to drag the picture."""
        self._drag = event.position().toPoint()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Drag it."""
        if self._drag is not None and self.width() and self.height():
            here = event.position().toPoint()
            self.moved.emit(QPointF((self._drag - here).x() / self.width(), (self._drag - here).y() / self.height()))
            self._drag = here

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: ARG002, N802
        """Stop dragging."""
        self._drag = None

    def _decoded(self, picture: QImage) -> None:
        self._decoding = False
        self._picture = QPixmap.fromImage(picture)
        self.update()

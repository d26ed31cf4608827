"""The probe and the reference photographs, which an officer compares."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QPoint, QPointF, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QImage, QMouseEvent, QPainter, QPaintEvent, QPixmap, QWheelEvent
from PySide6.QtWidgets import QGridLayout, QSizePolicy, QWidget

from cekalwatch.contract.values.adjudication import Step
from cekalwatch.contract.values.alerts import AlertPictures
from cekalwatch.notifier.desktop.widgets.elements import button, label, name_by, row
from cekalwatch.notifier.desktop.widgets.picture_decoder import PictureDecoder
from cekalwatch.office.alerts import PicturesMissing
from cekalwatch.office.locale.alert_formatting import AlertFormatter

OPENS_AFTER_MS = 500
"""For this time both faces are on screen before a look at them counts: a key may have been meant for what was there."""
MAX_ZOOM = 8.0
ZOOM_STEP = 1.25


class PhotoView(QWidget):
    """Shows one picture, or words in its place when it cannot be loaded. It passes zooming on: two zoom together."""

    painted = Signal()
    """The picture, or why there is none, is on screen."""
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
        self.on_screen = False
        """Whether the picture has been painted, or that it cannot be shown."""
        self._decoder = PictureDecoder(self)
        self._decoder.decoded.connect(self._decoded)
        self._zoom = 1.0
        self._centre = QPointF(0.5, 0.5)
        self._drag: QPoint | None = None
        self.setMinimumSize(120, 100)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    @property
    def loaded(self) -> bool:
        return not self._picture.isNull()

    @property
    def zoom(self) -> float:
        """How much larger than to fit, 1 to 8."""
        return self._zoom

    @property
    def words(self) -> str:
        """The text in place of the picture; empty when there is a picture, and while it is decoded."""
        return "" if self.loaded or self._decoding else self._missing

    def show_picture(self, jpeg: bytes, missing: str) -> None:
        """Show a picture, or `missing` when there is none (no bytes) or it is damaged."""
        self._missing = missing
        if jpeg != self._jpeg:
            self.on_screen = False
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
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        if not (self._decoding or self.on_screen):
            self.on_screen = True
            self.painted.emit()
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
        self._drag = event.position().toPoint()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if self._drag is not None and self.width() and self.height():
            here = event.position().toPoint()
            self.moved.emit(QPointF((self._drag - here).x() / self.width(), (self._drag - here).y() / self.height()))
            self._drag = here

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: ARG002, N802
        self._drag = None

    def _decoded(self, picture: QImage) -> None:
        self._decoding = False
        self._picture = QPixmap.fromImage(picture)
        self.update()


_NONE = AlertPictures(b"")


class Comparison(QWidget):
    """Two pictures side by side that zoom together, each as large as possible."""

    opened = Signal()
    """A look at them counts from now on."""

    def __init__(self) -> None:
        super().__init__()
        self._current = self.seen = False
        """`seen`: both faces, or why one cannot be shown, have been on screen for a while: a look at them counts."""
        self._opens = QTimer(self)
        self._opens.setSingleShot(True)
        self._opens.setInterval(OPENS_AFTER_MS)
        self._opens.timeout.connect(self._open)
        self.probe, self.reference = PhotoView(), PhotoView()
        self._probe_title, self._reference_title = label(role="title"), label(role="title")
        self._previous, self._next = button("◀"), button("▶")
        for one in (self._previous, self._next):
            one.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # they have keys
        self._previous.clicked.connect(partial(self.turn, -1))
        self._next.clicked.connect(partial(self.turn, 1))
        self._pictures = _NONE
        self._missing = ""
        self._number = 0
        self._formatter: AlertFormatter | None = None
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.addWidget(self._probe_title, 0, 0)
        grid.addLayout(row(self._reference_title, None, self._previous, self._next), 0, 1)
        grid.addWidget(self.probe, 1, 0)
        grid.addWidget(self.reference, 1, 1)
        grid.setColumnStretch(0, 1)
        grid.setColumnStretch(1, 1)
        grid.setRowStretch(1, 1)
        for view in (self.probe, self.reference):
            view.painted.connect(self._wait)
            view.zoom_asked.connect(self.zoom)
            view.moved.connect(self._move)

    @property
    def complete(self) -> bool:
        """Whether there are two faces to compare."""
        return self.probe.loaded and self.reference.loaded

    def can_find(self, step: Step) -> bool:
        """Whether a look at them counts: of what cannot be compared, only that one cannot tell."""
        return self.seen and (self.complete or step is Step.CANNOT_TELL)

    def show_pictures(
        self,
        pictures: AlertPictures | PicturesMissing,
        formatter: AlertFormatter,
        *,
        another: bool,
        current: bool = True,
    ) -> None:
        """Show an alert's pictures, or why there are none.

        `another`: it is another alert than before, so the first reference comes first. `current`: they are those of its
        present version, or there are none any more.
        """
        say = formatter.say
        self._formatter = formatter
        before, self._current = self._pictures, current
        if isinstance(pictures, AlertPictures):
            self._pictures, why = pictures, PicturesMissing.DAMAGED
        else:
            self._pictures, why = _NONE, pictures
        if another or not current or self._pictures != before:
            self.seen = False
            self._opens.stop()
        self._missing = say(f"PICTURES_{why}")
        if another or self._number >= len(self._pictures.reference_jpegs):
            self._number = 0
        name_by(self._previous, say("PREVIOUS_REFERENCE"))
        name_by(self._next, say("NEXT_REFERENCE"))
        for view in (self.probe, self.reference):
            view.setToolTip(say("ZOOM_HINT"))
        self.probe.show_picture(self._pictures.probe, self._missing)
        self._show_reference()
        self._wait()

    def name_probe(self, title: str) -> None:
        self._probe_title.setText(title)
        self.probe.setAccessibleName(title)

    def forget(self) -> None:
        self._pictures, self._missing, self._current, self.seen = _NONE, "", False, False
        for view in (self.probe, self.reference):
            view.show_picture(b"", "")

    def turn(self, by: int) -> None:
        """Show the next reference photograph, or the one before."""
        if count := len(self._pictures.reference_jpegs):
            self._number = (self._number + by) % count
            self._show_reference()

    def zoom(self, factor: float) -> None:
        """Show both larger or smaller by `factor`."""
        for view in (self.probe, self.reference):
            view.set_view(view.zoom * factor, view.centre)

    def larger(self) -> None:
        self.zoom(ZOOM_STEP)

    def smaller(self) -> None:
        self.zoom(1 / ZOOM_STEP)

    def fit(self) -> None:
        for view in (self.probe, self.reference):
            view.set_view(1.0, QPointF(0.5, 0.5))

    def _wait(self) -> None:
        if self._on_screen and not self.seen and not self._opens.isActive():
            self._opens.start()

    @property
    def _on_screen(self) -> bool:
        return self._current and self.probe.on_screen and self.reference.on_screen

    def _open(self) -> None:
        if self._on_screen:
            self.seen = True
            self.opened.emit()

    def _move(self, by: QPointF) -> None:
        for view in (self.probe, self.reference):
            view.set_view(view.zoom, view.centre + by / view.zoom)

    def _show_reference(self) -> None:
        if self._formatter is None:
            return
        say, references = self._formatter.say, self._pictures.reference_jpegs
        several = len(references) > 1
        self._previous.setVisible(several)
        self._next.setVisible(several)
        title = (
            say("REFERENCE_PICTURE", number=self._number + 1, count=len(references))
            if references
            else say("REFERENCE_NONE")
        )
        self._reference_title.setText(title)
        self.reference.setAccessibleName(title)
        self.reference.show_picture(references[self._number] if references else b"", self._missing)

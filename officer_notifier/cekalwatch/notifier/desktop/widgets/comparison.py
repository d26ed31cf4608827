"""The probe beside the reference photographs: what an officer judges by."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QPointF, Qt
from PySide6.QtWidgets import QGridLayout, QWidget

from cekalwatch.contract.values.alerts import AlertPictures
from cekalwatch.notifier.desktop.widgets.elements import button, label, name_by, row
from cekalwatch.notifier.desktop.widgets.photo_view import ZOOM_STEP, PhotoView
from cekalwatch.office.alerts import PicturesMissing
from cekalwatch.office.locale.alert_formatting import AlertFormatter

_NONE = AlertPictures(b"")


class Comparison(QWidget):
    """Two pictures side by side that zoom together, each as large as possible."""

    def __init__(self) -> None:
        super().__init__()
        self.probe, self.reference = PhotoView(), PhotoView()
        self._probe_title, self._reference_title = label(role="title"), label(role="title")
        self._hint = label(role="muted")
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
        grid.addWidget(self._hint, 2, 0, 1, 2)
        grid.setColumnStretch(0, 1)
        grid.setColumnStretch(1, 1)
        grid.setRowStretch(1, 1)
        for view in (self.probe, self.reference):
            view.zoom_asked.connect(self.zoom)
            view.moved.connect(self._move)

    def show_pictures(
        self, pictures: AlertPictures | PicturesMissing, formatter: AlertFormatter, *, another: bool
    ) -> None:
        """Show an alert's pictures, or why there are none.

        `another`: it is another alert than before, so the first reference comes first.
        """
        say = formatter.say
        self._formatter = formatter
        if isinstance(pictures, AlertPictures):
            self._pictures, why = pictures, PicturesMissing.NOT_LOADED
        else:
            self._pictures, why = _NONE, pictures
        self._missing = say(f"PICTURES_{why}")
        if another or self._number >= len(self._pictures.reference_jpegs):
            self._number = 0
        name_by(self._previous, say("PREVIOUS_REFERENCE"))
        name_by(self._next, say("NEXT_REFERENCE"))
        self._hint.setText(say("ZOOM_HINT"))
        self.probe.show_picture(self._pictures.probe, self._missing)
        self._show_reference()

    def name_probe(self, title: str) -> None:
        """Show what the probe is."""
        self._probe_title.setText(title)
        self.probe.setAccessibleName(title)

    def forget(self) -> None:
        """Hold no picture any more."""
        self._pictures, self._missing = _NONE, ""
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
        """Show both larger."""
        self.zoom(ZOOM_STEP)

    def smaller(self) -> None:
        """Show both smaller."""
        self.zoom(1 / ZOOM_STEP)

    def fit(self) -> None:
        """Show both whole."""
        for view in (self.probe, self.reference):
            view.set_view(1.0, QPointF(0.5, 0.5))

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

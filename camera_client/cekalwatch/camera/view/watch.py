"""What the pipeline asks of a view: how it looks, and whether what it shows now may be sent."""

from __future__ import annotations

from enum import Enum, auto
from typing import Protocol

from cekalwatch.camera.view.judge import ViewJudge
from cekalwatch.vision.faces import Picture
from cekalwatch.wire.vocabulary.capture import ViewState


class Posture(Enum):
    """Where a camera that can be turned looks."""

    NOT_YET = auto()
    """It was asked for the first time, and has not answered. That takes a few seconds at most."""
    UNKNOWN = auto()
    """It does not say. What it shows is taken for the place that it was at last, or else for this one: better a capture
    with the wrong counter than none."""
    HERE = auto()
    """At the preset that this camera key stands for."""
    TURNED_AWAY = auto()
    """On its way, or at another preset."""


class Mount(Protocol):
    """What a camera hangs on."""

    @property
    def posture(self) -> Posture:
        """Where the camera looks now; at once, on any thread."""


class Fixed:
    """A mount that does not turn, or of which nothing is known."""

    @property
    def posture(self) -> Posture:
        """It always looks here."""
        return Posture.HERE


class ViewWatch:
    """One camera key's view. Owned by the vision thread."""

    def __init__(self, mount: Mount | None = None) -> None:
        self._mount = mount or Fixed()
        self._judge = ViewJudge()
        self._turned_away = False
        self._waits = False
        self._at_s = 0.0

    @property
    def state(self) -> ViewState:
        """How the view looks."""
        return ViewState.TURNED_AWAY if self._turned_away else self._judge.state

    @property
    def away(self) -> bool:
        """Whether the camera moves or looks elsewhere, so that its pictures belong to no counter."""
        return self._waits or self._turned_away or self._judge.moves(self._at_s)

    def see(self, picture: Picture, at_s: float) -> None:
        """Judge a frame; `at_s` never goes back."""
        self._at_s = at_s
        posture = self._mount.posture
        self._waits = posture is Posture.NOT_YET
        if posture is Posture.TURNED_AWAY:
            if not self._turned_away:
                self._judge.forget()
            self._turned_away = True
            return
        if posture is Posture.HERE:
            self._turned_away = False
        if not self._turned_away and not self._waits:
            self._judge.look(picture, at_s)

    def face_seen(self, at_s: float) -> None:
        """Take note that a face was found at this moment."""
        self._judge.face_seen(at_s)

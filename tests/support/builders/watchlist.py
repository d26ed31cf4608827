"""Invented subjects and orders for tests."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from cekalwatch.contract.values.orders import OrderKind
from cekalwatch.contract.values.subjects import FaceFigures, Subject
from cekalwatch.contract.values.thresholds import Threshold, ThresholdSource
from cekalwatch.server.domain.orders.ban_order import BanOrder
from cekalwatch.server.gallery.index import Gallery
from cekalwatch.server.gallery.lookalikes import LoadedList, LookalikeFinder
from cekalwatch.server.storage.watchlist.record_store import NewReference

WIB = ZoneInfo("Asia/Jakarta")
MODEL = "test-00000000"
SIZE = 8
FIXED_THRESHOLD = Threshold(0.5, ThresholdSource.SETTINGS, 1e-3, extrapolated=False)


def subject(subject_id: str = "S-1", **facts: object) -> Subject:
    """A subject with what a test does not care about filled in."""
    usual: dict[str, Any] = {"subject_id": subject_id, "name": "Contoh Satu", "nationality": "IDN"}
    return Subject(**usual | facts)


def order(order_id: str = "O-1", **facts: object) -> BanOrder:
    """A CEGAH order from 1 January to 30 June 2026, received and decided on its first day."""
    first: Any = facts.get("valid_from", date(2026, 1, 1))
    received: Any = facts.get("received_on", first)
    usual: dict[str, Any] = {
        "order_id": order_id,
        "subject_id": "S-1",
        "kind": OrderKind.CEGAH,
        "requesting_agency": "Kejaksaan Agung",
        "valid_from": date(2026, 1, 1),
        "valid_until": date(2026, 6, 30),
        "received_on": received,
        "decree_number": "KEP-1/2026",
        "decree_date": min(received, first),
    }
    return BanOrder(**usual | facts)


def reference(photo: bytes = b"photograph", *, direction: int = 0, **facts: object) -> NewReference:
    """A reference face whose template points in axis `direction`."""
    usual: dict[str, Any] = {
        "photo": photo,
        "face_jpeg": b"face of " + photo,
        "figures": figures(),
        "warnings": (),
        "model_version": MODEL,
        "template": np.eye(SIZE, dtype=np.float32)[direction],
    }
    return NewReference(**usual | facts)


def figures(eye_distance_px: float = 95.0, **measured: Any) -> FaceFigures:
    """What is measured of a good face."""
    usual: dict[str, Any] = {
        "eye_distance_px": eye_distance_px,
        "yaw_degrees": -4.0,
        "pitch_degrees": 2.0,
        "sharpness": 0.6,
        "brightness": 0.5,
        "detector_score": 0.99,
        "faces": 1,
    }
    return FaceFigures(**usual | measured)


def alone(model_version: str, size: int) -> LookalikeFinder:
    """What finds look-alikes among the records of a test only."""
    nothing = LoadedList(Gallery.build(model_version, size, np.zeros((0, size), dtype=np.float32), ()), 0)
    return LookalikeFinder(lambda: nothing, lambda _: FIXED_THRESHOLD.value)


class FixedClock:
    """A clock that a test sets."""

    def __init__(self, moment: datetime = datetime(2026, 3, 1, 5, 0, tzinfo=UTC)) -> None:
        self.moment = moment
        """Setting it sets the clock, and no time passes."""
        self.passed = timedelta()

    def now(self) -> datetime:
        """Return the moment that was set."""
        return self.moment

    def elapsed_s(self) -> float:
        """Return the seconds that have passed."""
        return self.passed.total_seconds()

    def advance(self, step: timedelta) -> None:
        """Let time pass."""
        self.moment += step
        self.passed += step

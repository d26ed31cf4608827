"""Troubles as the notifier holds them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cekalwatch.contract.values.troubles import Trouble, TroubleKind
from tests.support.fakes.alert_server import EPOCH

COVERED = Trouble("t-1", TroubleKind.CAMERA_COVERED, "dep-3", "batam-center", "3", EPOCH)


def make_trouble(kind: TroubleKind = TroubleKind.CAMERA_COVERED, counter: str = "3", **facts: Any) -> Trouble:
    """A trouble of the camera at `counter`."""
    usual = {"trouble_id": f"t-{kind}-{counter}", "kind": kind, "about": f"dep-{counter}", "counter": counter}
    return replace(COVERED, **usual | facts)


def of_source(kind: TroubleKind = TroubleKind.SOURCE_STALE, **details: str) -> Trouble:
    """A trouble of a source."""
    return make_trouble(kind, "", about="folder:/srv/cekal", site="", details=details)

"""A short morning at a port, with real windows: `benchmarks/alerts/morning.py` plays a whole one."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.alerts.morning import morning
from tests.support.tools.shared import shared_faces


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.usefixtures("forked_programs")
def test_every_alert_is_settled_and_rings_once_where_its_traveller_stands(tmp_path: Path) -> None:
    shared_faces()
    figures = morning(tmp_path, alerts=12, pace_s=0.5, officers=2, supervisors=1)
    assert figures["morning.alerts"] >= 12
    assert figures["morning.unsettled"] == 0
    assert figures["morning.not_rung_where_the_traveller_stood"] == 0
    assert figures["morning.rung_again"] == 0

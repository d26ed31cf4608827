"""Figures by group of people for the report of the field: a file that cannot be used is told, and stops no server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from cekalwatch.server.alerts.evaluation_file import groups_if_readable

RATE = {"value": 0.02, "low": 0.015, "high": 0.03, "events": 2, "trials": 100}
RUN = {
    "source": "volunteers",
    "model_version": "standard-1",
    "people": 50,
    "passages": {"groups": [{"group": "women", "misses": RATE, "false_alerts": RATE}]},
    "group_pairs": [],
}


def test_the_figures_of_a_run_are_read(tmp_path: Path):
    file = tmp_path / "evaluation.json"
    file.write_text(json.dumps(RUN))
    found = groups_if_readable(file)
    assert found is not None
    assert [(one.group, one.misses.value) for one in found.groups] == [("women", 0.02)]
    assert groups_if_readable(None) is None


@pytest.mark.parametrize(
    "content",
    [None, "no JSON", "{}", json.dumps(RUN | {"passages": {"groups": []}}), json.dumps(RUN | {"people": "x"})],
)
def test_a_file_that_cannot_be_used_is_told_and_leaves_the_groups_unknown(tmp_path: Path, content: str | None):
    file = tmp_path / "evaluation.json"
    if content is not None:
        file.write_text(content)
    with capture_logs() as logs:
        assert groups_if_readable(file) is None
    assert [one["event"] for one in logs] == ["group_figures_unusable"]
    assert str(file) in logs[0]["problem"]

"""An exercise goes the whole way: planned, sent to a real capture host, detected, sent back, recognised, in the log."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import uuid6

from cekalwatch.contract.values.adjudication import AlertState
from cekalwatch.server.audit.entry import Action, AuditEntry
from cekalwatch.server.cli.options import command_context
from cekalwatch.server.domain.exercises import Exercise, ExerciseSubject
from cekalwatch.server.recognition.enrolment import Enroller
from tests.integration.alarms.test_real_camera import camera_program, until_it_sees, video_of
from tests.support.builders.camera_view import seen
from tests.support.builders.portraits import astronaut, encoded
from tests.support.scenarios.server import CAMERAS, engine, running, settings
from tests.support.scenarios.sign_in import becomes


@pytest.mark.slow
async def test_an_exercise_goes_the_whole_way_to_an_alert_and_counts_as_no_passage(tmp_path: Path):
    view = video_of(tmp_path / "view.avi", [seen(noise=number) for number in range(25)])
    chosen = settings(tmp_path / "server", cameras=CAMERAS[:1], min_camera_fps=0)
    enroller = Enroller(engine().detector, engine().recogniser)
    face = enroller.enrol(encoded(astronaut(2.0))).face_jpeg
    async with running(chosen) as server, camera_program(server.address, view, tmp_path):
        await until_it_sees(server.channel)
        with command_context(chosen) as context:
            store, now = context.stores.exercises, context.clock.now()
            entry = AuditEntry(now, context.actor, Action.EXERCISE_SUBJECT_ADDED)
            store.add_subject(ExerciseSubject("c-1", "Sari", "W.1", now + timedelta(days=1), 3), [face] * 4, entry)
            planned = Exercise(uuid6.uuid7(), "c-1", "dep-1", "batam-center", "D1", now)
            store.plan([planned], now)

            async def raised() -> bool:
                (one,) = store.under_way()
                return one.alert_id is not None and bool(one.crops)

            await becomes(raised, within_s=60)
            (one,) = store.under_way()
            assert one.alert_id
            alert = context.stores.alerts.get(one.alert_id)
            assert (alert.exercise_id, alert.state) == (planned.exercise_id, AlertState.NEW)
            assert context.stores.alerts.probe(alert.alert_id)
    with command_context(chosen) as context:
        hour = timedelta(hours=1)
        assert context.stores.field.passages(now - hour, now + hour, None) == []

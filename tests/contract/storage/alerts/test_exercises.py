"""Exercises (rule 16) look like any alert until the first look, are told at once then, and touch no real alert."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import time, timedelta
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from uuid import UUID

import pytest
import uuid6
from google.protobuf.message import Message

from cekalwatch.contract.codec.alerts import ALERT
from cekalwatch.contract.values.adjudication import (
    UNDO_FOR,
    AlertEventType,
    AlertState,
    FirstLook,
    Outcome,
    Reason,
)
from cekalwatch.contract.values.alarms import AlarmKind
from cekalwatch.contract.values.alerts import Alert as ShownAlert
from cekalwatch.contract.values.alerts import AlertFilter
from cekalwatch.contract.values.exercises import ExerciseRecord, ExerciseResult, ExerciseStage
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.extensions.notices.collector import AlertNotices
from cekalwatch.server.alerts.adjudication import ActingPerson
from cekalwatch.server.alerts.exercise_director import ExerciseDirector
from cekalwatch.server.alerts.fanout import Fanout
from cekalwatch.server.audit.entry import Action, Actor, ActorKind, AuditEntry
from cekalwatch.server.capture.exercises import ExercisePassages
from cekalwatch.server.capture.passages import track_key
from cekalwatch.server.domain.alerts.match import Candidate
from cekalwatch.server.domain.captures import Capture
from cekalwatch.server.domain.exercises import Exercise, ExerciseEnd, ExerciseSetting, ExerciseSubject, Shift
from cekalwatch.server.foundation.errors import CekalwatchError
from cekalwatch.server.gallery.snapshot import GallerySnapshot
from cekalwatch.server.grpc_api.clients.report_stream import (
    Call,
    PictureGiver,
    ReportedParts,
    ReportStream,
    centre_pace,
)
from cekalwatch.server.health.alarms.counters import ExerciseAlarms
from cekalwatch.server.storage.alerts.field_store import FieldStore
from cekalwatch.server.storage.alerts.retention_store import RetentionStore
from cekalwatch.server.storage.alerts.store import position_key
from cekalwatch.server.storage.audit.trail import AuditTrail, DeliveryTrail
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.ports.followings import ReportedLog
from cekalwatch.v1 import port_pb2
from cekalwatch.v1.port_service_pb2 import ReportAlertsRequest
from tests.support.builders.alerts import DEPARTURE, NOON, capture, face, match
from tests.support.builders.watchlist import FixedClock, order, reference, subject
from tests.support.scenarios.adjudication import Counter, seat

E = AlertEventType
MYSELF = Actor(ActorKind.SERVER, "test")
COLLEAGUE, REFERENCE, CROP = "exercise-1", b"reference", b"crop"
ALL_DAY = ExerciseSetting((Shift(time(0), time(23, 59)),))


class Exercises:
    """A counter with one colleague who agreed, and exercises there."""

    def __init__(self, counter: Counter) -> None:
        self.counter, self.store, self.clock = counter, counter.exercises, counter.clock
        self.director = ExerciseDirector(
            self.store,
            counter.alerts,
            (DEPARTURE,),
            counter.attendance,
            counter.clock,
            MYSELF,
            lambda: None,
            timedelta(days=30),
        )
        self.agrees()

    def entry(self, action: Action) -> AuditEntry:
        return AuditEntry(self.clock.now(), MYSELF, action)

    def agrees(self, until: timedelta = timedelta(days=30)) -> None:
        subject = ExerciseSubject(COLLEAGUE, "Sari Dewi", "W.12/34", self.clock.now() + until, 1)
        self.store.add_subject(subject, [REFERENCE, CROP], self.entry(Action.EXERCISE_SUBJECT_ADDED))

    def sent(self) -> Exercise:
        now = self.clock.now()
        planned = Exercise(uuid6.uuid7(), COLLEAGUE, DEPARTURE.camera_id, DEPARTURE.site, DEPARTURE.counter, now)
        self.store.plan([planned], now)
        self.store.sent(planned.exercise_id, now)
        return planned

    def raised(self, at: timedelta = timedelta(0)) -> UUID:
        exercise = self.sent()
        self.store.received(exercise.exercise_id, self.clock.now())
        alert_id = self.record(exercise, at)
        assert alert_id is not None
        return alert_id

    def record(self, exercise: Exercise, at: timedelta = timedelta(0)) -> UUID | None:
        seen = replace(capture(passage="own", at=self.clock.now() + at), passage=f"exercise/{exercise.exercise_id}")
        found = replace(match(seen), candidates=(Candidate(COLLEAGUE, 0.8),))
        event = self.counter.alerts.record_exercise(found, exercise.exercise_id, self.clock.now())
        return event.alert_id if event else None

    def newest(self) -> Exercise:
        (found,) = self.store.newest_results(NOON - timedelta(days=1))
        return found

    def faults(self) -> list[tuple[AlarmKind, str, str]]:
        found = ExerciseAlarms(self.store, self.clock).look()
        return [(one.kind, one.about, one.details["stage"]) for one in found.conditions]


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOON)


@pytest.fixture
def counter(database: Database, clock: FixedClock) -> Counter:
    counter = Counter(database, clock)
    counter.list_subject()
    return counter


@pytest.fixture
def exercises(counter: Counter) -> Exercises:
    return Exercises(counter)


@pytest.fixture
def budi(counter: Counter) -> ActingPerson:
    return counter.hire("budi", PersonRole.OFFICER)


def shown(counter: Counter, alert_id: UUID, *who: ActingPerson) -> ShownAlert:
    return counter.details.get(alert_id).seen_by([one.person.person_id for one in who])


def look(counter: Counter, alert_id: UUID, who: ActingPerson, found: Outcome = Outcome.REFERRED) -> None:
    counter.adjudicator.look(alert_id, who, found, counter.version(alert_id))


@pytest.mark.both_databases
def test_an_exercise_looks_like_any_alert_until_the_first_look_and_is_told_at_once_then(
    counter: Counter, exercises: Exercises, budi: ActingPerson
):
    ani = counter.hire("ani", PersonRole.OFFICER)
    staged = exercises.raised()
    before = shown(counter, staged, budi)
    pictures = counter.details.pictures(staged)
    assert (before.first_look, before.exercise, before.state) == (FirstLook.NEEDED, None, AlertState.NEW)
    assert pictures.probe
    assert pictures.reference_jpegs == (REFERENCE,)
    look(counter, staged, budi)
    theirs = shown(counter, counter.raise_alert(), budi)
    blank = {"exercise", "alert_id", "captured_at", "raised_at", "camera", "sightings", "current", "probe_capture_id"}
    blank |= {"asked_key", "handling", "version"}
    assert {key: value for key, value in vars(before).items() if key not in blank} == {
        key: value for key, value in vars(theirs).items() if key not in blank
    }, "nothing says that it is one"

    told, others = shown(counter, staged, budi), shown(counter, staged, ani)
    assert (told.exercise, told.state, told.first_look) == (ExerciseResult.RECOGNISED, AlertState.CLOSED, None)
    assert (others.exercise, others.handling.looks) == (ExerciseResult.ENDED, ())
    assert counter.details.get(staged).seen_by([]).exercise is ExerciseResult.ENDED
    assert not any(word in repr((told, others)) for word in ("Sari", COLLEAGUE))
    assert str(budi.person.person_id) not in repr(others)
    assert counter.details.pictures(staged).probe == b""
    assert counter.details.pictures(staged).references == ()
    assert told.seen_by(str(ani.person.person_id)).exercise is ExerciseResult.ENDED, "who signs in next learns nothing"
    assert counter.events(staged) == [E.RAISED, E.LOOKED, E.CLOSED]


def form(message: Message) -> list[object]:
    """Return a message without its content: its fields in their order, how long each text is, and of what letters."""
    found: list[object] = []
    for field, value in message.ListFields():
        for one in value if field.is_repeated else [value]:
            text = re.sub("[0-9a-f]", "0", one) if isinstance(one, str) else type(one).__name__
            found.append((field.name, form(one) if isinstance(one, Message) else text))
    return found


def sent_until_judged(database: Database, raise_it: Callable[[Counter, Capture], UUID]) -> list[object]:
    """Return the form of everything that is sent of an alert before a look, to two people and to a PC without one."""
    clock = FixedClock(NOON)
    counter = Counter(database, clock)
    counter.list_subject()
    counter.watchlist.put(subject(), order(), [reference()])
    budi, sari = counter.hire("budi"), counter.hire("sari", PersonRole.SUPERVISOR)
    alert = raise_it(counter, replace(capture(), passage=track_key("dep-1", uuid6.uuid7(), "1")))
    steps: list[Callable[[], object]] = [
        lambda: None,
        lambda: counter.claim(alert, budi),
        lambda: counter.adjudicator.release(alert, budi, seat(budi)),
        lambda: counter.claim(alert, sari),
        lambda: counter.adjudicator.release(alert, sari, seat(sari)),
    ]
    found: list[object] = []
    for step in steps:
        step()
        details = counter.details.get(alert)
        shown = [details.unnamed, details.seen_by([budi.person.person_id]), details.seen_by([sari.person.person_id])]
        found += [form(ALERT.write(one)) for one in shown]
        found.append([counter.events(alert), details.unnamed.raised_at - NOON])
        clock.moment += timedelta(seconds=5)
    pictures = counter.details.pictures(alert)
    return [*found, bool(pictures.probe), len(pictures.references)]


def test_what_is_sent_of_an_exercise_and_of_a_real_passage_is_alike_until_somebody_has_looked(tmp_path: Path):
    def exercise(counter: Counter, seen: Capture) -> UUID:
        passages = ExercisePassages(counter.alerts, counter.clock, lambda one: one.jpeg, lambda: None)
        staged = Exercises(counter).sent()
        snapshot = SimpleNamespace(decision=SimpleNamespace(value=0.48), score_version="model-1")
        seen = replace(seen, passage=seen.passage.replace("/1", "/exercise"))
        found = passages._match(seen, staged, face(), Candidate(COLLEAGUE, 0.7), 1, cast("GallerySnapshot", snapshot))
        event = counter.alerts.record_exercise(found, staged.exercise_id, counter.clock.now())
        assert event is not None
        return event.alert_id

    def real(counter: Counter, seen: Capture) -> UUID:
        event = counter.alerts.record(match(seen), timedelta(0), counter.clock.now())
        assert event is not None
        return event.alert_id

    sent = []
    for name, raise_it in (("exercise", exercise), ("real", real)):
        with closing(Database(f"sqlite:///{tmp_path / name}.sqlite3")) as database:
            database.upgrade()
            sent.append(sent_until_judged(database, raise_it))
    for a, b in zip(*sent, strict=True):
        assert a == b


def test_the_key_of_who_is_asked_about_is_found_by_no_trying(counter: Counter):
    alert = counter.raise_alert()
    found = counter.details.get(alert).whole.asked_key
    tried = (" ".join((str(alert), f"S-{number}", *more)) for number in range(100) for more in ((), ("R-1",)))
    assert found not in {sha256(one.encode()).hexdigest()[: len(found)] for one in tried}
    assert found == counter.details.get(alert).whole.asked_key
    assert found != counter.details.get(counter.raise_alert("2")).whole.asked_key


@pytest.mark.parametrize(
    ("found", "end", "result"),
    [
        (Outcome.REFERRED, ExerciseEnd.RECOGNISED, ExerciseResult.RECOGNISED),
        (Outcome.CANNOT_DETERMINE, ExerciseEnd.UNDECIDED, ExerciseResult.UNDECIDED),
        (Outcome.NOT_SAME_PERSON, ExerciseEnd.MISSED, ExerciseResult.MISSED),
    ],
)
def test_who_judged_has_a_record_of_their_own_and_supervisors_get_counts(
    counter: Counter, exercises: Exercises, budi: ActingPerson, found: Outcome, end: ExerciseEnd, result: ExerciseResult
):
    staged = exercises.raised()
    look(counter, staged, budi, found)
    assert shown(counter, staged, budi).exercise is result
    since = NOON - timedelta(days=1)
    record = ExerciseRecord(**{end.lower(): 1})
    assert shown(counter, staged, budi).exercise_record == record
    assert shown(counter, staged, counter.hire("ani")).exercise_record is None
    assert exercises.store.own(budi.person.person_id, since) == record
    assert exercises.store.counts(since, "batam-center") == {"D1": {end: 1}}
    assert exercises.store.counts(since, "sekupang") == {}
    wrong = [(AlarmKind.EXERCISE_FAILED, "dep-1", "JUDGEMENT")] if end is ExerciseEnd.MISSED else []
    assert exercises.faults() == wrong


def test_a_judgement_of_an_earlier_version_counts_as_the_look(
    counter: Counter, exercises: Exercises, budi: ActingPerson
):
    staged = exercises.raised()
    counter.claim(staged, budi)
    counter.judge(staged, budi, Outcome.NOT_SAME_PERSON, Reason.FACE_DIFFERS)
    alert = counter.alerts.get(staged)
    assert (alert.state, alert.handling.claim, alert.handling.findings) == (AlertState.CLOSED, None, ())
    assert exercises.newest().end is ExerciseEnd.MISSED


def test_a_judged_exercise_is_judged_once(counter: Counter, exercises: Exercises, budi: ActingPerson):
    staged = exercises.raised()
    look(counter, staged, budi)
    ani = counter.hire("ani", PersonRole.OFFICER)
    with pytest.raises(CekalwatchError):
        look(counter, staged, ani, Outcome.NOT_SAME_PERSON)
    assert exercises.newest().end is ExerciseEnd.RECOGNISED


@pytest.mark.both_databases
def test_a_real_alert_ends_an_exercise_before_its_own_event(counter: Counter, exercises: Exercises):
    staged = exercises.raised()
    real = counter.raise_alert()
    events = [(one.alert_id, one.type) for one in counter.alerts.events_after(0, 100)]
    assert events == [(staged, E.RAISED), (staged, E.CLOSED), (real, E.RAISED)]
    assert exercises.store.under_way() == []
    assert counter.details.get(staged).seen_by([]).exercise is ExerciseResult.ENDED
    assert exercises.faults() == []


def test_while_a_real_alert_waits_no_exercise_comes(counter: Counter, exercises: Exercises):
    counter.raise_alert()
    exercise = exercises.sent()
    assert exercises.store.busy("batam-center", NOON)
    assert exercises.record(exercise) is None
    assert exercises.store.under_way() == []
    assert len(counter.alerts.events_after(0, 100)) == 1


def test_while_a_judgement_can_be_undone_no_exercise_comes(
    counter: Counter, exercises: Exercises, budi: ActingPerson, clock: FixedClock
):
    alert_id = counter.raise_alert("1")
    counter.claim(alert_id, budi)
    planned = exercises.sent()
    counter.judge(alert_id, budi, Outcome.NOT_SAME_PERSON, Reason.FACE_DIFFERS)
    clock.advance(UNDO_FOR)
    assert exercises.store.busy(DEPARTURE.site, clock.now())
    assert exercises.record(planned) is None
    counter.adjudicator.undo(alert_id, budi, seat(budi), "S-1")
    counter.judge(alert_id, budi, Outcome.NOT_SAME_PERSON, Reason.FACE_DIFFERS)
    clock.advance(UNDO_FOR + timedelta(seconds=1))
    assert not exercises.store.busy(DEPARTURE.site, clock.now())
    exercises.raised()  # which is committed


def test_a_real_passage_joins_no_exercise_even_of_the_same_subject(counter: Counter, exercises: Exercises):
    exercise = exercises.sent()
    seen = capture(passage="1")
    staged = counter.alerts.record_exercise(match(seen), exercise.exercise_id, NOON)
    assert staged is not None
    event = counter.alerts.record(match(capture(passage="1")), timedelta(hours=1), NOON)
    assert event is not None
    assert (event.type, event.alert_id != staged.alert_id) == (E.RAISED, True)


def test_an_exercise_raises_one_alert_of_its_own(exercises: Exercises):
    exercise = exercises.sent()
    first = exercises.record(exercise)
    assert first is not None
    assert exercises.record(exercise) is None
    assert exercises.record(replace(exercise, exercise_id=uuid6.uuid7())) is None
    assert exercises.raised() != first


def test_an_exercise_is_in_no_figure_no_threshold_no_notice_and_no_report(
    counter: Counter, exercises: Exercises, budi: ActingPerson, database: Database
):
    judged = exercises.raised()
    look(counter, judged, budi, Outcome.NOT_SAME_PERSON)
    waiting = exercises.raised()
    since, until = NOON - timedelta(hours=1), NOON + timedelta(hours=1)
    assert FieldStore(database).alerts(since, until, None) == []
    assert FieldStore(database).judged(since, "model-1") == []
    assert counter.handling.raised_between("batam-center", since, until) == []
    assert counter.handling.open_alerts() == []
    assert counter.handling.waiting() == {}
    assert counter.handling.waiting_at() == {(DEPARTURE.site, DEPARTURE.counter): 1}, "a number tells no exercise"
    assert counter.handling.watched() == []
    assert AlertNotices(counter.alerts).after(0)[0] == []
    assert ReportedLog(database).waiting() == 0
    listed = counter.alerts.list_alerts(AlertFilter(), None, 10)
    assert [one.alert_id for one in listed] == [waiting], "what is over is in no list"
    counter.raise_alert()
    assert len(FieldStore(database).alerts(since, until, None)) == 1
    assert len(AlertNotices(counter.alerts).after(0)[0]) == 1


class Centre:
    """A call to a centre that takes everything, and says nothing."""

    def __init__(self) -> None:
        self.events: list[port_pb2.ReportedEvent] = []
        self.told = asyncio.Event()

    async def write(self, message: ReportAlertsRequest) -> None:
        if message.WhichOneof("message") == "event":
            self.events.append(message.event)
            self.told.set()

    async def read(self) -> None:
        await asyncio.Future()


async def test_a_port_reports_nothing_of_an_exercise_to_its_centre(
    counter: Counter, exercises: Exercises, budi: ActingPerson, database: Database
):
    judged = exercises.raised()
    look(counter, judged, budi, Outcome.NOT_SAME_PERSON)
    stopped = exercises.raised()  # it gives way to the real one
    real = counter.raise_alert()
    fanout, trail = Fanout(counter.alerts, counter.details), AuditTrail(counter.audit, counter.clock)
    deliveries, centre = DeliveryTrail(counter.audit, counter.clock, MYSELF), Centre()
    log, pictures = ReportedLog(database), PictureGiver(counter.alerts, trail)
    parts = ReportedParts(fanout, counter.alerts, log, trail, deliveries, counter.clock, lambda: None)
    call, start = cast("Call", centre), port_pb2.ReportStart()
    stream = ReportStream(call, parts, pictures, start, Actor(ActorKind.CENTRE, "centre"), centre_pace())
    reporting = asyncio.create_task(stream.run(0, lambda: True, lambda _: None, lambda _: None))
    try:
        await fanout.catch_up()
        async with asyncio.timeout(30):
            await centre.told.wait()
    finally:
        reporting.cancel()
        await asyncio.gather(reporting, return_exceptions=True)
        for part in (fanout, deliveries, trail):
            part.close()
    events = counter.alerts.events_after(0, 100)
    assert [one.event.sequence for one in centre.events] == [events[-1].sequence]
    assert events[-1].alert_id == real
    assert {one.alert_id for one in events[:-1]} == {judged, stopped}, "theirs came first, and were passed over"


def test_an_exercise_never_escalates_and_keeps_its_picture_while_it_waits(
    counter: Counter, exercises: Exercises, clock: FixedClock, database: Database
):
    staged = exercises.raised()
    RetentionStore(database).remove_left_probes(lambda _: exercises.entry(Action.RETENTION_SWEPT))
    clock.advance(timedelta(minutes=2))
    assert counter.escalator.escalate() == 0
    assert counter.order_watch.look() == 0
    assert counter.alerts.probe(staged)


@pytest.mark.parametrize(
    ("prepare", "stage"),
    [
        (lambda _store, _one: None, ExerciseStage.CAMERA),
        (lambda store, one: store.played(one.exercise_id, 0, NOON), ExerciseStage.DETECTION),
        (lambda store, one: store.played(one.exercise_id, 2, NOON), ExerciseStage.UPLINK),
        (lambda store, one: store.received(one.exercise_id, NOON), ExerciseStage.RECOGNITION),
    ],
)
def test_an_exercise_that_does_not_reach_the_screen_is_an_alarm_with_its_stage(
    exercises: Exercises, clock: FixedClock, prepare: object, stage: ExerciseStage
):
    prepare(exercises.store, exercises.sent())  # type: ignore[operator]
    clock.advance(timedelta(seconds=59))
    assert exercises.director.follow() == 0
    clock.advance(timedelta(minutes=11))
    assert exercises.director.follow() == 1
    assert exercises.faults() == [(AlarmKind.EXERCISE_FAILED, "dep-1", stage)]


def test_an_exercise_that_no_pc_has_shown_within_a_minute_is_an_alarm_until_one_succeeds(
    counter: Counter, exercises: Exercises, clock: FixedClock, budi: ActingPerson
):
    staged = exercises.raised()
    counter.attendance.look()
    clock.advance(timedelta(seconds=61))
    assert exercises.director.follow() == 1
    assert exercises.faults() == [(AlarmKind.EXERCISE_FAILED, "dep-1", "DELIVERY")]
    assert counter.alerts.get(staged).state is AlertState.CLOSED
    look(counter, exercises.raised(), budi)
    assert exercises.faults() == []


def test_an_exercise_that_a_pc_has_shown_is_no_alarm_and_closes_by_itself(
    counter: Counter, exercises: Exercises, clock: FixedClock
):
    staged = exercises.raised()
    (event,) = counter.alerts.events_after(0, 10)
    counter.alerts.acknowledge([(position_key("batam-center", "pc-1"), event.sequence)], clock.now())
    counter.attendance.look()
    assert exercises.director.follow() == 0
    clock.advance(timedelta(minutes=2))
    assert exercises.director.follow() == 0
    clock.advance(timedelta(minutes=2))
    assert exercises.director.follow() == 1
    assert counter.alerts.get(staged).state is AlertState.CLOSED
    assert exercises.store.counts(NOON, None) == {"D1": {ExerciseEnd.UNJUDGED: 1}}
    assert exercises.faults() == []


def test_an_exercise_that_gave_way_comes_later(exercises: Exercises, clock: FixedClock):
    exercise = exercises.sent()
    later = clock.now() + timedelta(minutes=5)
    exercises.store.put_off(exercise.exercise_id, later)
    (put_off,) = exercises.store.under_way()
    assert (put_off.sent_at, put_off.due_at) == (None, later)


def test_a_consent_that_ends_or_is_taken_back_erases_the_pictures_and_ends_what_is_under_way(
    counter: Counter, exercises: Exercises, clock: FixedClock
):
    staged = exercises.raised()
    exercises.store.erase([COLLEAGUE], MYSELF, exercises.entry(Action.EXERCISE_SUBJECT_ERASED))
    assert (exercises.store.subjects(), exercises.store.pictures(COLLEAGUE)) == ([], [])
    assert counter.alerts.get(staged).state is AlertState.CLOSED
    exercises.agrees(until=timedelta(days=2))
    clock.advance(timedelta(days=1))
    assert exercises.director.erase_ended() == 0
    clock.advance(timedelta(days=1))
    assert exercises.director.erase_ended() == 1
    assert exercises.store.pictures(COLLEAGUE) == []


def test_a_token_names_an_exercise_at_one_camera_only(exercises: Exercises):
    exercise = exercises.sent()
    token = exercises.store.token(exercise)
    assert exercises.store.exercise_id(token, "dep-1") == exercise.exercise_id
    assert exercises.store.exercise_id(token, "dep-2") is None
    forged = f"{uuid6.uuid7()}.{token.partition('.')[2]}"
    assert exercises.store.exercise_id(forged, "dep-1") is None
    assert exercises.store.exercise_id("ü", "dep-1") is None

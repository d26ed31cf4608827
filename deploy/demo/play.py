"""Plays one demonstration: data, programs, video, and the comparison of alerts with expectations."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from cekalwatch.contract.values.alarms import AlarmKind
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.v1 import adjudication_pb2, alert_pb2
from deploy.demo.office.notifier import Notifier, OnEvent
from deploy.demo.people import Person
from deploy.demo.programs import Program
from deploy.demo.scene import Scene, write_video
from deploy.demo.stack import CameraPlan, Stack, StackConfig
from deploy.demo.verdict import Expected, Judged, Seen, Verdict, judge, percentile
from deploy.demo.watchlist import write_watchlist

CAMERA = CameraPlan("departure-1", counter="D1", direction="DEPARTURE")
BLIND_CAMERA = CameraPlan("departure-2", counter="D2", direction="DEPARTURE")
SUN = (5.0, 17.0)
"""When the sun shines into its lens, seconds from the start of its video."""
SHOWN_WITHIN_S = 10.0
"""How soon a blind camera must be on the supervisor's screen, and that it is well again."""
OFFICER, SUPERVISOR = "officer-1", "supervisor-1"
CLEARED = adjudication_pb2.ALERT_STATE_CLEARED
REAL_PERSON_SECONDS = 40.0
"""How long the alert of the real person may take, from the start of the camera."""
SETTLE_SECONDS = 30.0
"""How long the last receipts and alerts may take after the video's end."""


@dataclass(frozen=True, eq=False)
class Demonstration:
    """What is played, and where its files go."""

    folder: Path
    models: Path
    people: Sequence[Person]
    scene: Scene
    blinded: Scene | None = None
    """What a second camera sees, into which the sun shines for a while; None: there is no such camera."""

    @property
    def video(self) -> Path:
        """The scene as a video file."""
        return self.folder / "scene.mp4"

    @property
    def blinded_video(self) -> Path:
        """What the second camera sees."""
        return self.folder / "blinded.mp4"

    @property
    def watchlist(self) -> Path:
        """The folder that is imported."""
        return self.folder / "watchlist"

    @property
    def site(self) -> StackConfig:
        """Where it is played."""
        cameras = (CAMERA, BLIND_CAMERA) if self.blinded else (CAMERA,)
        return StackConfig(self.folder, self.models, cameras=cameras, enrols=True)

    @property
    def videos(self) -> dict[str, Path]:
        """What each camera sees."""
        return {CAMERA.camera_id: self.video} | ({BLIND_CAMERA.camera_id: self.blinded_video} if self.blinded else {})

    def prepare(self, today: date) -> None:
        """Write the videos and the watchlist."""
        with ThreadPoolExecutor() as pool:
            videos = [pool.submit(write_video, self.scene, self.people, self.video)]
            if self.blinded:
                videos.append(pool.submit(write_video, self.blinded, (), self.blinded_video))
            for video in videos:
                video.result()
        write_watchlist(self.people, self.watchlist, today)

    def expected(self) -> list[Expected]:
        """Return what must happen with each person on the list."""
        walks = [(walk.subject_id, (walk.start_s, walk.end_s)) for walk in self.scene.walks]
        return [
            Expected(
                person.subject_id,
                must_alert=person.must_alert and any(key == person.subject_id for key, _ in walks),
                in_view=tuple(interval for key, interval in walks if key == person.subject_id),
                resembles=person.resembles,
            )
            for person in self.people
        ]


@dataclass(frozen=True)
class BlindCamera:
    """When the supervisor's screen showed that the sun shone into a camera, and that it did so no more."""

    shown_s: float | None
    """Seconds after the sun came; None when it was never shown."""
    recovered_s: float | None
    """Seconds after it had gone."""

    @property
    def was_seen(self) -> bool:
        """Whether both were shown in time (domain rule 12)."""
        return all(
            passed_s is not None and 0 < passed_s <= SHOWN_WITHIN_S for passed_s in (self.shown_s, self.recovered_s)
        )


@dataclass(frozen=True)
class Outcome:
    """What happened. Sizes in bytes, durations in milliseconds."""

    judged: tuple[Judged, ...]
    cleared: frozenset[str]
    """Keys of the alerts that the officer cleared."""
    look_alikes: frozenset[str]
    """Who of the people judged is one."""
    blind: BlindCamera | None
    """How the camera that goes blind was seen; None when there is none."""
    latencies_ms: tuple[float, ...]
    """From the capture that raised an alert to the officer's console. Later sightings are left out: a camera keeps some
    crops back until the passage is over."""
    passages: int
    crops: int
    crop_bytes: int
    video_bytes: int
    rejected: int

    @property
    def passed(self) -> bool:
        """True when every alert that had to come came, and no other, and people's steps reached whom they meant."""
        return (
            bool(self.latencies_ms)
            and all(subject.verdict is Verdict.RIGHT for subject in self.judged)
            and all(self.is_cleared(subject) == (subject.subject_id in self.look_alikes) for subject in self.judged)
            and (self.blind is None or self.blind.was_seen)
        )

    def is_cleared(self, subject: Judged) -> bool:
        """Whether the officer has cleared an alert of this person."""
        return not self.cleared.isdisjoint(subject.alert_ids)

    def figures(self) -> dict[str, float | int | bool | None]:
        """Return the outcome as one flat object, under the names that the benchmarks use."""
        verdicts = [subject.verdict for subject in self.judged]
        return {
            "demo.passed": self.passed,
            "demo.expected_alerts": sum(subject.must_alert for subject in self.judged),
            "demo.raised_alerts": sum(subject.alerts for subject in self.judged),
            "demo.missing_alerts": verdicts.count(Verdict.MISSING),
            "demo.wrong_alerts": len(verdicts) - verdicts.count(Verdict.RIGHT) - verdicts.count(Verdict.MISSING),
            "demo.look_alikes_cleared": sum(
                subject.subject_id in self.look_alikes and self.is_cleared(subject) for subject in self.judged
            ),
            "demo.blind_camera_shown_s": self.blind.shown_s if self.blind else None,
            "demo.blind_camera_recovered_s": self.blind.recovered_s if self.blind else None,
            "chain.capture_to_notify_p50_ms": percentile(self.latencies_ms, 0.5),
            "chain.capture_to_notify_p95_ms": percentile(self.latencies_ms, 0.95),
            "chain.alerts_measured": len(self.latencies_ms),
            "chain.passages": self.passages,
            "chain.crops_sent": self.crops,
            "chain.crops_rejected": self.rejected,
            "chain.bytes_a_passage": round(self.crop_bytes / self.passages),
            "chain.video_bytes_a_passage": round(self.video_bytes / self.passages),
        }

    def save(self, file: Path) -> None:
        """Write the figures as JSON."""
        file.write_text(json.dumps(self.figures(), indent=2) + "\n", encoding="utf-8")


def play(stack: Stack, demo: Demonstration, on_event: OnEvent) -> Outcome:
    """Let the video pass the camera of a site that runs, and return the outcome. The demonstration must be prepared.

    The officer clears the alert of a look-alike. Raises ProgramError when a program fails or
    does not come to its end in time.
    """
    with ThreadPoolExecutor() as pool:  # to import the list and to sign in takes seconds
        importing = pool.submit(load_list, stack, demo)
        observing = pool.submit(stack.sign_observer_in)
        watching = pool.submit(start_blind_camera, stack, demo.blinded_video) if demo.blinded else None
        notifier = stack.start_notifier(OFFICER, on_event)
        importing.result()
        observing.result()
        watched = watching.result() if watching else None
    camera = stack.start_camera(CAMERA.camera_id, demo.video)
    for person in demo.people:
        if person.resembles:
            clear_look_alike(stack, notifier, person)
    camera.wait_for_success(demo.scene.seconds + SETTLE_SECONDS)
    blind = how_it_was_seen(*watched) if watched else None
    status = stack.status()
    if status.head_sequence:
        notifier.wait_for_sequence(status.head_sequence, SETTLE_SECONDS)
    log, seen = log_and_passages(stack, notifier)
    captures = status.captures
    sent = camera.last_record("camera_ends")
    return Outcome(
        judged=tuple(judge(demo.expected(), seen)),
        cleared=frozenset(event.alert.alert_id for event in log if event.alert.state == CLEARED),
        look_alikes=frozenset(person.subject_id for person in demo.people if person.resembles),
        blind=blind,
        latencies_ms=tuple(event.latency_ms for event in seen if event.raised),
        passages=len(demo.scene.walks),
        crops=int(str(sent["crops"])),
        crop_bytes=int(str(sent["crop_bytes"])),
        video_bytes=demo.video.stat().st_size,
        rejected=captures.rejected,
    )


def load_list(stack: Stack, demo: Demonstration) -> None:
    """Import the list, and wait until the server searches all who are on it. Raises ProgramError."""
    stack.import_watchlist(demo.watchlist)
    stack.wait_for_gallery(sum(person.role.searched for person in demo.people))


def clear_look_alike(stack: Stack, notifier: Notifier, person: Person) -> None:
    """Let the officer look at the alert of a look-alike, who comes first, and clear it, once the real person has passed
    too.

    That is the moment at which the real person would be lost, were both in one alert. Whose alert it is the log knows:
    the officer's console names nobody before the look. The log is read for each new alert, and not meanwhile: what
    reads it would take its time from the programs whose delays are measured.
    """
    until, raised, alerts = time.monotonic() + REAL_PERSON_SECONDS, 2, list[str]()
    while (left_s := until - time.monotonic()) > 0:
        raised = len(notifier.wait_for({"event_type": "RAISED"}, raised, left_s)) + 1
        alerts = raised_for(person.resembles, stack.event_log())
        if len(alerts) >= 2:  # the look-alike's and the real person's
            break
    if alerts:
        alert_id = alerts[0]
        stack.work_on_alert(OFFICER, "claim", alert_id)
        seen = max(event.alert.version for event in stack.event_log() if event.alert.alert_id == alert_id)
        version = "--seen", str(seen)  # a look leaves it
        stack.work_on_alert(OFFICER, "look", alert_id, *version, "--finding", "NOT_SAME_PERSON")
        stack.work_on_alert(OFFICER, "not-same", alert_id, *version, "--reason", "FACE_DIFFERS")


def raised_for(subject_id: str, log: Sequence[alert_pb2.AlertEvent]) -> list[str]:
    """Return the keys of the alerts that were raised for a subject, in the order in which they were."""
    raised = [event.alert for event in log if event.type == alert_pb2.ALERT_EVENT_TYPE_RAISED]
    return [alert.alert_id for alert in raised if alert.subject.subject_id == subject_id]


def start_blind_camera(stack: Stack, video: Path) -> tuple[Program, Notifier]:
    """Start the console of a supervisor, and the camera."""
    supervisor = stack.start_notifier(SUPERVISOR, role=PersonRole.SUPERVISOR)
    return stack.start_camera(BLIND_CAMERA.camera_id, video), supervisor


def how_it_was_seen(camera: Program, supervisor: Notifier) -> BlindCamera:
    """Wait for the end of the camera's video, and say when the supervisor's console showed what happened to it."""
    camera.wait_for_success(SETTLE_SECONDS)
    began = datetime.fromisoformat(str(camera.last_record("server_connected")["timestamp"]))
    told = [
        (record["end_time"] is not None, datetime.fromisoformat(str(record["shown_time"])))
        for record in supervisor.alarms
        if (record["kind"], record["about"]) == (AlarmKind.CAMERA_BLINDED, BLIND_CAMERA.camera_id)
    ]

    def seconds(*, over: bool, since_s: float) -> float | None:
        """Return when it was told first that the camera is blind, or not any more: seconds after `since_s`."""
        first = min((at for is_over, at in told if is_over is over), default=None)
        return round((first - began).total_seconds() - since_s, 1) if first else None

    return BlindCamera(seconds(over=False, since_s=SUN[0]), seconds(over=True, since_s=SUN[1]))


def log_and_passages(stack: Stack, notifier: Notifier) -> tuple[list[alert_pb2.AlertEvent], list[Seen]]:
    """Return the server's log, and the passages that the console showed before the log was read."""
    shown = notifier.events
    log = stack.event_log()
    return log, join(log, shown)


def join(log: Sequence[alert_pb2.AlertEvent], shown: Sequence[dict[str, object]]) -> list[Seen]:
    """Return each passage that the console showed, with the moment of the very capture that caused the event.

    The console names nobody before a look; the server's log knows subject and capture of each event. What people did
    has none. An alert lists its newest 20 sightings, which is more than the few passages of a demonstration give.
    """
    by_sequence = {event.sequence: event for event in log}
    seen = []
    for record in shown:
        event = by_sequence[int(str(record["sequence"]))]
        if not event.capture_id:
            continue
        sighting = next(item for item in event.alert.sightings if item.capture_id == event.capture_id)
        seen.append(
            Seen(
                sequence=event.sequence,
                alert_id=event.alert.alert_id,
                subject_id=event.alert.subject.subject_id,
                raised=event.type == alert_pb2.ALERT_EVENT_TYPE_RAISED,
                score=sighting.score,
                capture_time=sighting.capture_time.ToDatetime(UTC),
                notified_time=datetime.fromisoformat(str(record["notified_time"])),
            )
        )
    return seen

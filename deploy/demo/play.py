"""Plays one demonstration: data, programs, video, and the comparison of alerts with expectations."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from cekalwatch.v1 import alert_pb2
from deploy.demo.people import Person
from deploy.demo.scene import Scene, write_video
from deploy.demo.stack import CameraPlan, Stack, StackConfig
from deploy.demo.verdict import Expected, Judged, Seen, Verdict, judge, percentile
from deploy.demo.watchlist import write_watchlist

CAMERA = CameraPlan("departure-1", counter="D1", direction="DEPARTURE")
SETTLE_SECONDS = 30.0
"""How long the last receipts and alerts may take after the video's end."""


@dataclass(frozen=True, eq=False)
class Demonstration:
    """What is played, and where its files go."""

    folder: Path
    models: Path
    people: Sequence[Person]
    scene: Scene

    @property
    def video(self) -> Path:
        """The scene as a video file."""
        return self.folder / "scene.mp4"

    @property
    def watchlist(self) -> Path:
        """The folder that is imported."""
        return self.folder / "watchlist"

    def prepare(self, today: date) -> None:
        """Write the video and the watchlist."""
        write_video(self.scene, self.people, self.video)
        write_watchlist(self.people, self.watchlist, today)

    def expected(self) -> list[Expected]:
        """Return what must happen with each person on the list."""
        walks = [(walk.subject_id, (walk.start_s, walk.end_s)) for walk in self.scene.walks]
        return [
            Expected(
                person.subject_id,
                must_alert=person.role.alerts_on_departure and any(key == person.subject_id for key, _ in walks),
                in_view=tuple(interval for key, interval in walks if key == person.subject_id),
            )
            for person in self.people
        ]


@dataclass(frozen=True)
class Outcome:
    """What happened. Sizes in bytes, durations in milliseconds."""

    judged: tuple[Judged, ...]
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
        """True when every alert that had to come came, and no other."""
        return bool(self.latencies_ms) and all(subject.verdict is Verdict.RIGHT for subject in self.judged)

    def figures(self) -> dict[str, float | int | bool | None]:
        """Return the outcome as one flat object, under the names that the benchmarks use."""
        verdicts = [subject.verdict for subject in self.judged]
        return {
            "demo.passed": self.passed,
            "demo.expected_alerts": sum(subject.must_alert for subject in self.judged),
            "demo.raised_alerts": sum(subject.alerts for subject in self.judged),
            "demo.missing_alerts": verdicts.count(Verdict.MISSING),
            "demo.wrong_alerts": len(verdicts) - verdicts.count(Verdict.RIGHT) - verdicts.count(Verdict.MISSING),
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


def play(demo: Demonstration, on_event: Callable[[dict[str, object]], None]) -> Outcome:
    """Start the site, let the video pass its camera, and return the outcome. The demonstration must be prepared.

    Raises ProgramError when a program fails or does not come to its end in time.
    """
    with Stack(StackConfig(demo.folder, demo.models, cameras=(CAMERA,))) as stack:
        stack.import_watchlist(demo.watchlist)
        stack.wait_for_gallery(sum(person.role.on_list for person in demo.people))
        notifier = stack.start_notifier("officer-1", on_event)
        camera = stack.start_camera(CAMERA.camera_id, demo.video)
        camera.wait_for_success(demo.scene.seconds + SETTLE_SECONDS)
        status = stack.status()
        if status.head_sequence:
            notifier.wait_for_sequence(status.head_sequence, SETTLE_SECONDS)
        seen = join(stack.event_log(), notifier.events)
        captures = status.captures
        sent = camera.last_record("camera_ends")
    return Outcome(
        judged=tuple(judge(demo.expected(), seen)),
        latencies_ms=tuple(event.latency_ms for event in seen if event.raised),
        passages=len(demo.scene.walks),
        crops=int(str(sent["crops"])),
        crop_bytes=int(str(sent["crop_bytes"])),
        video_bytes=demo.video.stat().st_size,
        rejected=captures.rejected,
    )


def join(log: Sequence[alert_pb2.AlertEvent], shown: Sequence[dict[str, object]]) -> list[Seen]:
    """Return each event that the console showed, with the moment of the very capture that caused it.

    The console knows the alert's first capture; the server's log knows the capture of each event. An alert lists its
    newest 20 sightings, which is more than the few passages of a demonstration give.
    """
    by_sequence = {event.sequence: event for event in log}
    seen = []
    for record in shown:
        event = by_sequence[int(str(record["sequence"]))]
        sighting = next(item for item in event.alert.sightings if item.capture_id == event.capture_id)
        seen.append(
            Seen(
                sequence=event.sequence,
                alert_id=event.alert.alert_id,
                subject_id=str(record["subject_id"]),
                raised=event.type == alert_pb2.ALERT_EVENT_TYPE_RAISED,
                score=sighting.score,
                capture_time=sighting.capture_time.ToDatetime(UTC),
                notified_time=datetime.fromisoformat(str(record["notified_time"])),
            )
        )
    return seen

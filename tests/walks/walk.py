"""A walk as it was gone: the modules that it passes, in order, and how often it goes back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.walks import scenes
from tests.walks.plumbing import counts
from tests.walks.tracer import Call, Tracer


@dataclass(frozen=True)
class Carrier:
    """Threads or tasks that carry the data a part of its way."""

    root: str
    """Where they begin: the beginning of a module's name below `cekalwatch`."""
    first: str = ""
    """The module with which a round begins, where one follows another; what is left of the one before is cut off."""


@dataclass(frozen=True)
class Course:
    """How a walk is played, and what carries the data, in turn. What else runs meanwhile is not on the walk."""

    scene: Callable[[Path, scenes.Recording], None]
    carriers: tuple[Carrier, ...]


def _carriers(*roots: str) -> tuple[Carrier, ...]:
    return tuple(map(Carrier, roots))


COURSES: Final = {
    "face": Course(
        scenes.face_to_uplink,
        (
            Carrier("camera.sources.", "camera.sources.decoder"),
            Carrier("camera.detection.", "camera.sources.live"),
            Carrier("camera.outbox.spooler"),
            Carrier("camera.uplink."),
        ),
    ),
    "capture": Course(
        scenes.capture_to_event,
        _carriers(
            "server.capture.session", "server.capture.processing", "server.recognition.", "server.capture.deciding"
        ),
    ),
    "event": Course(
        scenes.event_to_window,
        _carriers(
            *("server.alerts.fanout", "server.alerts.details", "server.grpc_api.servicers.alerts"),
            *("office.client.", "notifier.desktop.run", "notifier.desktop.threads"),
            "notifier.desktop.widgets.picture_decoder",
        ),
    ),
    "record": Course(
        scenes.record_to_gallery, _carriers("server.watchlist.sync.schedule", "server.watchlist.imports.importer")
    ),
}
"""By the key of the walk on the page."""


@dataclass(frozen=True)
class Gone:
    """What was seen of a walk."""

    modules: list[str]
    """In the order in which they are passed first."""
    changes: int
    """How many different pairs of modules follow one another."""
    steps_back: int
    """Those of the changes that lead to a module which was passed before."""

    @classmethod
    def of(cls, crossings: Sequence[Sequence[str]]) -> Gone:
        """Put together what was passed each time; what was passed only sometimes is chance, and left out."""
        common = set.intersection(*map(set, crossings))
        ways = [[module for module in way if module in common] for way in crossings]
        modules = list(dict.fromkeys(ways[0]))
        place = {module: number for number, module in enumerate(modules)}
        pairs = set.intersection(*({pair for pair in pairwise(way) if pair[0] != pair[1]} for way in ways))
        return cls(modules, len(pairs), sum(place[after] < place[before] for before, after in pairs))


def in_turn(calls: Sequence[Call], carriers: Sequence[Carrier]) -> list[str]:
    """Return the modules of the calls that belong to a walk: those of its first carrier, then of its second, …"""
    passed = list[str]()
    for carrier in carriers:
        own = [call.module for call in calls if call.root.startswith(f"cekalwatch.{carrier.root}")]
        first = f"cekalwatch.{carrier.first}"
        passed += own[own.index(first) :] if carrier.first and first in own else own
    return passed


def go(key: str) -> Gone:
    """Go a walk several times, and return what was seen."""
    course = COURSES[key]
    crossings = list[list[str]]()
    tracer = Tracer(counts)

    @contextmanager
    def recording() -> Iterator[None]:
        tracer.calls, tracer.recording = [], True
        yield
        tracer.recording = False
        crossings.append(in_turn(tracer.calls, course.carriers))

    with TemporaryDirectory() as folder, tracer.tracing():
        course.scene(Path(folder), recording)
    return Gone.of(crossings)

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
class Carriers:
    """What carries the data of a walk."""

    scene: Callable[[Path, scenes.Recording], None]
    roots: tuple[str, ...]
    """Where the threads and tasks begin that carry it, one after another: beginnings of modules' names below
    `cekalwatch`. What else runs meanwhile is not on the walk."""


CARRIERS: Final = {
    "face": Carriers(
        scenes.face_to_uplink, ("camera.sources.", "camera.detection.", "camera.outbox.spooler", "camera.uplink.")
    ),
    "capture": Carriers(
        scenes.capture_to_event,
        ("server.capture.session", "server.capture.intake", "server.recognition.", "server.capture.deciding"),
    ),
    "event": Carriers(
        scenes.event_to_window,
        (
            *("server.alerts.fanout", "server.alerts.details", "server.grpc_api.servicers.alerts"),
            *("office.client.", "notifier.desktop.run", "notifier.desktop.screen", "notifier.desktop.worker"),
            "notifier.desktop.widgets.picture_decoder",
        ),
    ),
    "record": Carriers(
        scenes.record_to_gallery, ("server.watchlist.sync.schedule", "server.watchlist.imports.importer")
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


def in_turn(calls: Sequence[Call], roots: Sequence[str]) -> list[str]:
    """Return the modules of the calls that belong to a walk: those of its first root, then of its second, …"""
    return [call.module for root in roots for call in calls if call.root.startswith(f"cekalwatch.{root}")]


def go(key: str) -> Gone:
    """Go a walk several times, and return what was seen."""
    carriers = CARRIERS[key]
    crossings = list[list[str]]()
    tracer = Tracer(counts)

    @contextmanager
    def recording() -> Iterator[None]:
        tracer.calls, tracer.recording = [], True
        yield
        tracer.recording = False
        crossings.append(in_turn(tracer.calls, carriers.roots))

    with TemporaryDirectory() as folder, tracer.tracing():
        carriers.scene(Path(folder), recording)
    return Gone.of(crossings)

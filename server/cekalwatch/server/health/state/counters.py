"""The counters, with their cameras and the PCs that would ring there: what a supervisor sees of each at a glance."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from cekalwatch.contract.values.capture_policy import CapturePolicy
from cekalwatch.contract.values.status import CounterPc, CounterStatus
from cekalwatch.server.cluster.peers import WholePresence
from cekalwatch.server.domain.checkpoints import Camera
from cekalwatch.server.domain.presence import AgentPresence, CameraPresence
from cekalwatch.server.health.state.status import camera_status


@dataclass(frozen=True)
class CounterBoard:
    """Collects them from all servers of the database."""

    cameras: tuple[Camera, ...]
    policies: Callable[[], Mapping[str, CapturePolicy]]
    whole: Callable[[], WholePresence]
    """Reads what is connected; it blocks."""
    names: Callable[[Collection[str]], Mapping[str, str]]
    """Reads names of people for screens; it blocks."""
    open_alerts: Callable[[], Mapping[tuple[str, str], int]]
    """Counts the unsettled alerts by site and counter; it blocks."""

    def counters(self, sees: Callable[[str], bool]) -> tuple[CounterStatus, ...]:
        """Return the counters of the sites that the caller `sees`, by site and key. It blocks; raises StorageError."""
        whole, policies = self.whole(), self.policies()
        ours = [one for one in self.cameras if sees(one.site)]
        names = self.names({one for agent in whole.watched.values() for one in agent.people})
        nobody, waiting = (CameraPresence(), ""), self.open_alerts()
        found = []
        for site, counter in sorted({(one.site, one.counter) for one in ours}):
            here = [one for one in ours if (one.site, one.counter) == (site, counter)]
            cameras = [
                camera_status(one, *whole.cameras.get(one.camera_id, nobody), policies[one.camera_id])
                for one in sorted(here, key=lambda camera: camera.camera_id)
            ]
            pcs = tuple(_pcs(here, whole.watched, names))
            found.append(CounterStatus(site, counter, tuple(cameras), pcs, waiting.get((site, counter), 0)))
        return tuple(found)


def _pcs(
    cameras: Iterable[Camera], agents: Mapping[str, AgentPresence], names: Mapping[str, str]
) -> Iterable[CounterPc]:
    for agent_id, agent in sorted(agents.items()):
        if any(agent.attends(camera) for camera in cameras):
            people = sorted(names[key] for key in agent.people if key in names)
            yield CounterPc(agent_id, tuple(people))

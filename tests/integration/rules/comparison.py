"""Holds what the product did against what the rules say, after every step."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from cekalwatch.contract.values.alerts import AlertFilter
from cekalwatch.server.domain.alerts.alert import Alert as ProductAlert
from cekalwatch.server.recognition.probes import probe_jpeg
from tests.integration.rules.faces import jpeg, template
from tests.integration.rules.model import Rules
from tests.integration.rules.office import Office
from tests.integration.rules.pc import Pc
from tests.integration.rules.values import Alert


@dataclass(frozen=True)
class Sent:
    """A capture that was sent."""

    camera: str
    look: str
    track: str
    capture_id: str
    ago: timedelta
    quality: float


@dataclass
class Comparison:
    """The product beside the rules; `keys` are those of the rules' alerts, in their order."""

    office: Office
    model: Rules
    keys: list[UUID] = field(default_factory=list)
    versions: dict[UUID, int] = field(default_factory=dict)
    receipts: set[str] = field(default_factory=set)
    sent: list[Sent] = field(default_factory=list)

    _found: dict[UUID, ProductAlert] = field(default_factory=dict)

    def check(self, pcs: Iterable[Pc], *, changed: bool) -> None:
        """Compare alerts, and what each PC that runs shows and rings; `changed`: whether the product's may have."""
        if changed:
            listed = self.office.stores.alerts.list_alerts(AlertFilter(), None, 1000)
            self._found = {one.alert_id: one for one in listed}
            assert self.office.searched() == self.model.searched()
        found = self._found
        self.keys += sorted(set(found) - set(self.keys))
        assert len(self.keys) == len(self.model.alerts), (self.keys, self.model.alerts)
        for number, (key, wanted) in enumerate(zip(self.keys, self.model.alerts, strict=True)):
            self._check_alert(found[key], wanted)
            self._check_version(number, found[key].version, self.versions.get(key, 0))
            self.versions[key] = found[key].version
        for pc in pcs:
            if pc.alive:
                self._check_pc(pc)

    def told(self) -> list[str]:
        """Return how the alerts stand, for the trace."""
        return [
            f"{one.state} {one.version} {one.subject_id} {one.handling.escalation} {one.handling.orders_ended_at}"
            for one in (self._found[key] for key in self.keys)
        ]

    def check_end(self, folder: Path) -> None:
        """(13) A receipt says nothing. (8) Nothing of who matched nobody is on any disk."""
        assert len(self.receipts) <= 1
        written = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        matched = {face.name for alert in self.model.alerts for face in alert.passages.values()}
        traceless = [sent for sent in self.sent if sent.capture_id not in self.model.dealt_with]
        needles = [sent.capture_id.encode() for sent in traceless]
        for look in {sent.look for sent in traceless} - matched:
            numbers = template(look)
            needles += [
                jpeg(look)[-200:-100],
                probe_jpeg(jpeg(look))[-200:-100],
                numbers[:16].tobytes(),
                numbers.astype("<f2")[:16].tobytes(),
            ]
        for path, data in written.items():
            assert not [needle for needle in needles if needle in data], path

    def _check_alert(self, alert: ProductAlert, wanted: Alert) -> None:
        assert alert.state == wanted.state, (alert.state, wanted)
        assert alert.camera.site == wanted.site
        assert {camera.counter for camera in alert.cameras} == wanted.counters
        assert alert.subject_id == wanted.subject
        # (7) Where the traveller is; (4) and what officers see of them.
        assert (alert.place.counter, alert.late) == (wanted.newest.counter, wanted.late), wanted
        if alert.open and alert.probe_capture_id:
            assert str(alert.probe_capture_id) in wanted.pictures, (alert.probe_capture_id, wanted)
        assert alert.handling.escalation == wanted.level, wanted
        assert (alert.handling.orders_ended_at is not None) == wanted.orders_ended, wanted
        assert {one.subject_id for one in alert.candidates} == set(wanted.candidates)
        assert {one.subject_id for one in alert.left} == set(wanted.left)

    def _check_version(self, number: int, version: int, before: int) -> None:
        """(4) It grows with what a person has to see; whether it does when time alone changes an alert is left open."""
        if number in self.model.grew:
            assert version > before
        elif before and number not in self.model.changed:
            assert version == before

    def _check_pc(self, pc: Pc) -> None:
        """(7) It rings where the traveller is now, once; (6) and at supervisors' PCs whenever it comes to them."""
        for number, (key, wanted) in enumerate(zip(self.keys, self.model.alerts, strict=True)):
            if not self.model.concerns(wanted, pc.site, pc.counters):
                assert str(key) not in pc.paper.alerts
                continue
            rings = self.model.rings(pc.name, pc.counters, number, supervised=pc.supervised)
            rung = pc.paper.rings.pop(str(key), 0)
            assert rung in rings, (pc.name, rung, rings, wanted)
            shown = pc.paper.alerts[str(key)]
            assert (shown.state, shown.version) == (wanted.state, self.versions[key]), (pc.name, wanted)
            assert shown.place.counter == wanted.newest.counter, (pc.name, wanted)
            revoked = {(one.revoked_at, one.ground) for one in self.model.orders.values() if one.ground}
            assert {(one.revoked_at, one.revocation_ground) for one in shown.orders if one.revoked_at} <= revoked
            assert (shown.clearing or "") in wanted.clearings, (pc.name, shown.clearing, wanted)

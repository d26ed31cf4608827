"""Holds what the product did against what the rules say, after every step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from cekalwatch.contract.values.adjudication import Outcome
from cekalwatch.contract.values.alerts import Alert as ShownAlert
from cekalwatch.contract.values.alerts import AlertFilter
from cekalwatch.contract.values.exercises import ExerciseRecord
from cekalwatch.server.domain.alerts.alert import Alert as ProductAlert
from cekalwatch.server.recognition.crops import probe_jpeg
from tests.integration.rules.faces import jpeg, template
from tests.integration.rules.model import Rules
from tests.integration.rules.office import Office
from tests.integration.rules.pc import Pc
from tests.integration.rules.values import PENDING, Alert


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
    exercises: list[UUID] = field(default_factory=list)
    """Keys of the alerts of the rules' exercises, in their order."""

    _found: dict[UUID, ProductAlert] = field(default_factory=dict)

    def check(self, pcs: Iterable[Pc], *, changed: bool) -> None:
        """Compare alerts, and what each PC that runs shows and rings; `changed`: whether the product's may have."""
        if changed:
            listed = self.office.stores.alerts.list_alerts(AlertFilter(), None, 1000)
            self._found = {one.alert_id: one for one in listed if not one.exercise_id}
            self._check_exercises([one for one in listed if one.exercise_id])
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
                self._check_exercises_at(pc)

    def told(self) -> list[str]:
        """Return how the alerts stand, for the trace."""
        return [
            f"{one.state} {one.version} {one.subject_id} {one.handling.escalation} {one.handling.orders_ended_at}"
            for one in (self._found[key] for key in self.keys)
        ]

    def check_end(self, folder: Path) -> None:
        """(13) A receipt says nothing. (8) Nothing of who matched nobody is on any disk. (16) Exercises are counted."""
        assert len(self.receipts) <= 1
        self._check_counts()
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

    def _check_counts(self) -> None:
        """(16) Supervisors get counts, each person their own record, and figures and reports nothing."""
        stores = self.office.stores
        always = datetime.min.replace(tzinfo=UTC)
        counts = {
            f"{site} {counter}": Counter({end.value: count for end, count in ends.items()})
            for site in {one.site for one in self.model.cameras.values()}
            for counter, ends in stores.exercises.counts(always, site).items()
        }
        assert counts == self.model.exercise_counts(), (counts, self.model.exercise_counts(), self.model.exercises)
        for name, person in self.office.people.items():
            record = self.model.record_of(name)
            found = stores.exercises.own(person.person_id, always)
            assert found == ExerciseRecord(*(record[one] for one in ("RECOGNISED", "UNDECIDED", "MISSED")))
        counted = stores.field.alerts(always, datetime.max.replace(tzinfo=UTC), None)
        assert len(counted) == len(self.model.alerts)

    def _check_alert(self, alert: ProductAlert, wanted: Alert) -> None:
        assert alert.state == wanted.state, (alert.state, wanted)
        assert alert.camera.site == wanted.site
        assert {camera.counter for camera in alert.cameras} == wanted.counters
        assert alert.subject_id == wanted.subject
        # (7) Where the traveller is; (4) and what officers see of them.
        assert (alert.place.counter, alert.late) == (wanted.newest.counter, wanted.late), wanted
        if alert.open and alert.probe_capture_id:
            assert alert.probe_capture_id in wanted.pictures, (alert.probe_capture_id, wanted)
        assert alert.handling.escalation == wanted.level, wanted
        assert (alert.handling.orders_ended_at is not None) == wanted.orders_ended, wanted
        assert {one.subject_id for one in alert.candidates} == set(wanted.candidates)
        assert {one.subject_id for one in alert.left} == set(wanted.left)

    def _check_named(self, pc: Pc, shown: ShownAlert, wanted: Alert, alert: ProductAlert) -> bool:
        """(15) Two faces come first; where the picture is kept no longer, there is nothing to look at."""
        named, may_see = shown.subject.subject_id == wanted.subject, self.model.may_see(wanted, pc.who)
        if named:
            hidden = set(wanted.candidates) - {one.subject_id for one in shown.candidates}
            looked = {subject for name, subject in wanted.looked if name == pc.who}
            assert may_see or not alert.probe_capture_id, (pc.name, shown, wanted)
            assert not shown.first_look or hidden == set(wanted.left) - looked, (pc.name, shown, wanted)
        else:
            assert not alert.probe_capture_id or not may_see or not pc.named, (pc.name, wanted)
            found = [one.outcome for one in shown.handling.findings if one.outcome is not Outcome.TAKEN_OVER]
            told = (shown.subject.name, shown.score, shown.orders, shown.candidates, found)
            assert told == ("", 0, (), (), []), (pc.name, told)
        return named

    def _check_version(self, number: int, version: int, before: int) -> None:
        """(4) It grows with what a person has to see; whether it does when time alone changes an alert is left open."""
        if number in self.model.grew:
            assert version > before
        elif before and number not in self.model.changed | self.model.retold:
            assert version == before

    def _check_exercises(self, standing: Iterable[ProductAlert]) -> None:
        """(16) Those stand that may; of one that is over no picture is left."""
        found = {one.alert_id: one for one in standing}
        self.exercises += sorted(found.keys() - set(self.exercises))
        assert len(self.exercises) == len(self.model.exercises), (self.exercises, self.model.exercises)
        for key, wanted in zip(self.exercises, self.model.exercises, strict=True):
            assert (key in found) == (not wanted.end), wanted
            one = found.get(key) or self.office.stores.alerts.get(key)
            assert (one.state, one.camera.counter) == ("NEW" if key in found else "CLOSED", wanted.counter)
            assert bool(self.office.stores.alerts.probe(key)) == (key in found), wanted

    def _check_exercises_at(self, pc: Pc) -> None:
        """(16) It rings once, looks like any alert, and tells nobody's result but the own."""
        for key, wanted in zip(map(str, self.exercises), self.model.exercises, strict=True):
            rung = pc.paper.rings.pop(key, 0)
            if not wanted.concerns(pc.site, pc.counters):
                assert key not in pc.paper.alerts
                continue
            returns = pc.name in self.model.back
            if not wanted.end:
                wanted.painted_at.add(pc.name)
            assert rung in ({0, 1} if returns else {int(wanted.new)}), (pc.name, rung, wanted)
            shown = pc.paper.alerts.get(key)
            if shown is None:
                assert wanted.end, (pc.name, wanted)
                continue
            result = self.model.result_for(wanted, pc.who if pc.named else "")
            assert (shown.exercise or "") == result, (pc.name, shown.exercise, wanted)
            assert (shown.state, shown.look_needed) == (("CLOSED", False) if wanted.end else ("NEW", True)), pc.name
            told = (shown.subject.name, shown.score, shown.orders, shown.candidates, shown.handling.findings)
            assert told == ("", 0, (), (), ()), (pc.name, told)

    def _check_pc(self, pc: Pc) -> None:
        """(7) It rings where the traveller is now, once; (6) and at supervisors' PCs whenever it comes to them."""
        for number, (key, wanted) in enumerate(zip(self.keys, self.model.alerts, strict=True)):
            if not self.model.concerns(wanted, pc.site, pc.counters):
                assert str(key) not in pc.paper.alerts
                continue
            rings = self.model.rings(pc.name, number, named=pc.named)
            rung = pc.paper.rings.pop(str(key), 0)
            assert rung in rings, (pc.name, rung, rings, wanted)
            shown = pc.paper.alerts[str(key)]
            if self._check_named(pc, shown, wanted, self._found[key]):
                assert shown.state == wanted.state, (pc.name, wanted)
            elif not pc.named:
                assert shown.state in {None, wanted.state}, (pc.name, wanted)
            else:  # (15) how somebody judged it is not told before the own look
                assert shown.state == (None if wanted.state in PENDING else wanted.state), (pc.name, wanted)
            assert shown.version == self.versions[key], (pc.name, wanted)
            assert shown.place.counter == wanted.newest.counter, (pc.name, wanted)
            revoked = {(one.revoked_at, one.ground) for one in self.model.orders.values() if one.ground}
            assert {(one.revoked_at, one.revocation_ground) for one in shown.orders if one.revoked_at} <= revoked
            if pc.named and not shown.look_needed:
                assert (shown.clearing or "") in wanted.clearings, (pc.name, shown.clearing, wanted)

"""Drawn days at two ports: whatever travellers, officers, orders, PCs and clocks do, the product does as the rules say.

`model.py` and `people.py` have the rules in plain words. `make test` draws 5 days, and `make test-all` 28 more;
CEKALWATCH_RULES_DAYS sets another number, and CEKALWATCH_RULES_STEPS how much happens on each.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import grpc
import pytest
import uuid6
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, precondition, rule

from cekalwatch.contract.values.adjudication import FollowUp, Outcome, Reason
from cekalwatch.contract.values.orders import OrderKind
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.office.client.refusals import error_reason
from cekalwatch.server.domain.orders.ban_order import BanOrder
from tests.integration.rules.comparison import Comparison, Sent
from tests.integration.rules.faces import LOOKS, SUBJECTS, THRESHOLD
from tests.integration.rules.model import Rules
from tests.integration.rules.office import CAMERAS, PEOPLE, Office, fast_folder
from tests.integration.rules.pc import Pc
from tests.integration.rules.values import UNDECIDED, WIB, Camera, Order, Person
from tests.support.builders.watchlist import FixedClock, order

DAYS = int(os.environ.get("CEKALWATCH_RULES_DAYS", "5"))
MORE_DAYS = 28
STEPS = int(os.environ.get("CEKALWATCH_RULES_STEPS", "60"))
CAMERA_IDS = [one["camera_id"] for one in CAMERAS]

PCS = {
    "pc-d1": ("batam-center", ("D1",), "budi"),
    "pc-d2": ("batam-center", ("D2",), "ani"),
    "pc-a1": ("batam-center", ("A1",), "ani"),
    "pc-supervisor": ("batam-center", (), "siti"),
    "pc-sekupang": ("sekupang", ("D1",), "tono"),
}


REASONS = {
    "NOT_SAME_PERSON": Reason.FACE_DIFFERS,
    "REFERRED": Reason.FACE_AGREES,
    "CANNOT_DETERMINE": Reason.IMAGE_TOO_POOR,
}


CLEARED_FOR = [Reason.NOT_LISTED_IN_CEKAL_ONLINE, Reason.TRAVELLER_GONE, Reason.ORDER_ENDED]


LATER = {
    "REFERRED": ("confirm", "clear"),
    "CANNOT_DETERMINE": ("confirm", "clear"),
    "CONFIRMED": ("follow_up", "close"),
    "CLEARED": ("close",),
}
"""What people do with an alert that stands so, after an officer has judged it."""
LATER_PCS = ("pc-supervisor", "pc-supervisor", "pc-d1", "pc-a1", "pc-sekupang")


class Days(RuleBasedStateMachine):
    """One office, and the rules beside it."""

    captures = Bundle("captures")

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(dir=fast_folder()))
        self.clock = FixedClock()
        self.office = Office(self.folder, self.clock)
        self.model = Rules(
            self.clock.now(),
            {one["camera_id"]: Camera(one["site"], one["counter"], one["direction"]) for one in CAMERAS},
            {look.name: dict(look.scores) for look in LOOKS},
            [frozenset((look.name, look.twin_of)) for look in LOOKS if look.twin_of],
            THRESHOLD,
        )
        self.people = {name: Person(name, site, role.value) for name, (site, role) in PEOPLE.items()}
        self.pcs = {
            name: Pc(
                self.office.exchange,
                self.folder / name,
                name,
                site,
                counters,
                who,
                self.clock.now,
                supervised=PEOPLE[who][1] is PersonRole.SUPERVISOR,
            )
            for name, (site, counters, who) in PCS.items()
        }
        for pc in self.pcs.values():
            pc.start()
        self.comparison = Comparison(self.office, self.model)
        for subject in SUBJECTS:
            self.list_order(subject, OrderKind.CEGAH, 0, 30)

    def teardown(self) -> None:
        if hasattr(self, "office"):
            for pc in self.pcs.values():
                if pc.alive:
                    pc.die()
            self.office.stop()
            self.comparison.check_end(self.folder)
            shutil.rmtree(self.folder)

    # The watchlist

    @rule(
        subject=st.sampled_from(SUBJECTS),
        kind=st.sampled_from(OrderKind),
        begins_in=st.sampled_from([-3, 0, 1]),
        days=st.sampled_from([0, 1, 30]),
    )
    def list_order(self, subject: str, kind: OrderKind, begins_in: int, days: int) -> None:
        key = f"O-{len(self.model.orders) + 1}"
        first = self.clock.now().astimezone(WIB).date() + timedelta(days=begins_in)
        self.model.orders[key] = Order(subject, kind.value, first, first + timedelta(days=days))
        self.put(key)

    @precondition(lambda self: any(not one.ended for one in self.model.orders.values()))
    @rule(data=st.data(), how=st.sampled_from(["revoked_at", "withdrawn_at"]))
    def end_order(self, data: st.DataObject, how: str) -> None:
        key = data.draw(st.sampled_from([key for key, one in self.model.orders.items() if not one.ended]))
        self.model.orders[key].ended = True
        self.put(key, **{how: self.clock.now()})

    def put(self, key: str, **facts: object) -> None:
        one = self.model.orders[key]
        ban: BanOrder = order(
            key,
            subject_id=one.subject,
            kind=OrderKind(one.kind),
            valid_from=one.first,
            valid_until=one.last,
            received_on=one.first,
            decree_date=one.first,
            **facts,
        )
        self.office.put(ban)
        self.after()

    # Travellers

    @rule(
        target=captures,
        camera=st.sampled_from(CAMERA_IDS),
        look=st.sampled_from([look.name for look in LOOKS]),
        ago_s=st.sampled_from([0, 0, 0, 5, 300]),
    )
    def traveller_passes(self, camera: str, look: str, ago_s: int) -> Sent:
        return self.send(Sent(camera, look, str(uuid6.uuid7()), str(uuid6.uuid7()), timedelta(seconds=ago_s)))

    @rule(target=captures, sent=captures)
    def another_crop_comes(self, sent: Sent) -> Sent:
        return self.send(Sent(sent.camera, sent.look, sent.track, str(uuid6.uuid7()), timedelta()))

    @rule(sent=captures)
    def a_capture_is_sent_again(self, sent: Sent) -> None:
        self.send(sent)

    def send(self, sent: Sent) -> Sent:
        at = self.clock.now() - sent.ago
        passage = f"{sent.camera}/{sent.track}"
        self.model.passes(sent.camera, sent.look, passage, sent.capture_id, at)
        self.comparison.sent.append(sent)
        receipt = self.office.passes(sent.camera, sent.look, sent.track, sent.capture_id, at, 0.5)
        self.comparison.receipts.add(receipt)
        self.after()
        return sent

    # Officers

    @precondition(lambda self: self.model.alerts)
    @rule(data=st.data(), pc=st.sampled_from(list(PCS)))
    def claim(self, data: st.DataObject, pc: str) -> None:
        number = self.some_alert(data)
        refused = self.model.claim(self.model.alerts[number], self.person(pc), pc)
        self.expect(refused, lambda: self.pcs[pc].client.claim(str(self.comparison.keys[number])))

    @precondition(lambda self: self.model.alerts)
    @rule(data=st.data(), pc=st.sampled_from(list(PCS)))
    def release(self, data: st.DataObject, pc: str) -> None:
        number = self.some_alert(data)
        refused = self.model.release(self.model.alerts[number], self.person(pc), pc)
        self.expect(refused, lambda: self.pcs[pc].client.release(str(self.comparison.keys[number])))

    @precondition(lambda self: self.model.alerts)
    @rule(data=st.data(), outcome=st.sampled_from(sorted(REASONS)), seen=st.sampled_from([True, True, True, False]))
    def judge(self, data: st.DataObject, outcome: str, *, seen: bool) -> None:
        number = self.some_alert(data)
        alert = self.model.alerts[number]
        holders = [alert.holder[1]] if alert.holder else list(PCS)
        pc = data.draw(st.sampled_from([*holders * 4, "pc-supervisor"]))
        refused = self.model.judge(alert, self.person(pc), pc, outcome, seen=seen)
        key, version = self.comparison.keys[number], self.version(number, seen=seen)
        self.expect(
            refused,
            lambda: self.pcs[pc].client.adjudicate(str(key), version, Outcome(outcome), REASONS[outcome], ""),
        )

    @precondition(lambda self: any(one.state in LATER for one in self.model.alerts))
    @rule(data=st.data(), seen=st.sampled_from([True, True, True, False]), pc=st.sampled_from(LATER_PCS))
    def go_on(self, data: st.DataObject, pc: str, *, seen: bool) -> None:
        """Confirm, clear, follow up or close an alert, mostly where it stands so."""
        number = self.some_alert(data, set(LATER))
        alert, who = self.model.alerts[number], self.person(pc)
        key, version, client = str(self.comparison.keys[number]), self.version(number, seen=seen), self.pcs[pc].client
        match data.draw(st.sampled_from([*LATER.get(alert.state, ()) * 4, "confirm", "clear", "follow_up", "close"])):
            case "confirm":
                refused = self.model.confirm(alert, who, seen=seen)
                self.expect(refused, lambda: client.confirm(key, version, "CO-2026/0117", ""))
            case "clear":
                reason = data.draw(st.sampled_from(CLEARED_FOR))
                refused = self.model.clear(alert, who, reason, seen=seen)
                self.expect(refused, lambda: client.clear(key, version, reason, ""))
            case "follow_up":
                refused = self.model.follow_up(alert, who, seen=seen)
                contact = FollowUp("Kejaksaan Agung", "duty desk", "two officers come", self.clock.now())
                self.expect(refused, lambda: client.record_follow_up(key, version, contact))
            case "close":
                refused = self.model.close(alert, who, seen=seen)
                self.expect(refused, lambda: client.close_alert(key, version))

    def some_alert(self, data: st.DataObject, states: set[str] | None = None) -> int:
        """Draw an alert: mostly one in `states`, or else one that is not settled."""
        numbers = range(len(self.model.alerts))
        likely = [number for number in numbers if self.model.alerts[number].state in (states or UNDECIDED)]
        return int(data.draw(st.sampled_from([*(likely or numbers), *likely * 3, *numbers])))

    def person(self, pc: str) -> Person:
        return self.people[PCS[pc][2]]

    def version(self, number: int, *, seen: bool) -> int:
        return self.comparison.versions[self.comparison.keys[number]] - (not seen)

    def expect(self, refused: set[str], call: Callable[[], object]) -> None:
        """Do what the rules refuse for one of these reasons, or let happen."""
        reason = ""
        try:
            call()
        except grpc.RpcError as error:
            reason = error_reason(error) or str(error)
        assert reason in (refused or {""}), (reason, refused)
        self.after()

    # Clocks and machines

    @rule(time=st.sampled_from([1, 20, 61, 91, 130, 500, 700, 8 * 3600, 24 * 3600]))
    def time_passes(self, time: int) -> None:
        self.clock.advance(timedelta(seconds=time))
        self.model.goes_on(self.clock.now())
        self.office.work(everything=True)
        self.after()

    @rule(camera=st.sampled_from(CAMERA_IDS), hours=st.sampled_from([0, 2, -3, 30_000]))
    def a_camera_clock_goes_wrong(self, camera: str, hours: int) -> None:
        """(14) It loses nobody: the rules take no notice of it."""
        self.office.set_camera_clock(camera, timedelta(hours=hours))
        self.after()

    @rule(what=st.sampled_from([*PCS, "server"]))
    def something_dies_or_comes_back(self, what: str) -> None:
        """A PC dies, or its agent starts again; the server does both at once."""
        if what == "server":
            self.office.stop()
            self.model.the_server_restarts()
            self.office.start()
            for pc in self.pcs.values():
                if pc.alive:
                    pc.connect()
        elif self.pcs[what].alive:
            self.pcs[what].die()
            self.model.goes_off(what)
        else:
            self.pcs[what].start()
            self.model.comes_back(what)
        self.after()

    # What must be so

    def after(self) -> None:
        """Let the product do its work, and compare it with the rules."""
        self.office.work()
        self.model.looks()
        for pc in self.pcs.values():
            if pc.alive:
                pc.listen()
        self.comparison.check(self.pcs.values())
        self.model.ends_step()


pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200)]
EACH_DAY = settings(
    max_examples=DAYS, stateful_step_count=STEPS, suppress_health_check=list(HealthCheck), deadline=None
)


class TestDays(Days.TestCase):  # type: ignore[misc, valid-type]  # made at run time
    settings = EACH_DAY


@pytest.mark.exhaustive
class TestMoreDays(Days.TestCase):  # type: ignore[misc, valid-type]  # made at run time
    """More of what `TestDays` draws."""

    settings = settings(EACH_DAY, max_examples=MORE_DAYS)

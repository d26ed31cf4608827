"""One day at two ports: what happens on it, done to the product and to the rules beside it, and compared.

A step has plain values, so that a day can be played again without some of its steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

import grpc

from cekalwatch.contract.values.adjudication import FollowUp, Outcome, Reason
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.office.client.refusals import error_reason
from cekalwatch.server.domain.orders.dates import read
from cekalwatch.server.domain.orders.law_table import Law
from tests.integration.rules.comparison import Comparison, Sent
from tests.integration.rules.faces import LOOKS, OTHER_KEYS, SUBJECTS, THRESHOLD, scores
from tests.integration.rules.model import Rules
from tests.integration.rules.office import CAMERAS, LISTED, PEOPLE, Office, ban_order
from tests.integration.rules.pc import Pc
from tests.integration.rules.values import WIB, Camera, Order, Person, Station, person_of
from tests.support.builders.watchlist import FixedClock

PCS = {
    "pc-d1": ("batam-center", ("D1",), "budi"),
    "pc-d2": ("batam-center", ("D2",), "ani"),
    "pc-a1": ("batam-center", ("A1",), "ani"),
    "pc-supervisor": ("batam-center", (), "siti"),
    "pc-sekupang": ("sekupang", ("D1",), "tono"),
}
PCS_OF_OTHER = {"pc-d2", "pc-supervisor"}
"""What people do at them is done by another server of the same database."""
REASONS = {
    "NOT_SAME_PERSON": Reason.FACE_DIFFERS,
    "REFERRED": Reason.FACE_AGREES,
    "CANNOT_DETERMINE": Reason.IMAGE_TOO_POOR,
}


LOOK_S = 6
MAX_PHOTOGRAPHS = 3
"""Of a person, under all keys, that officers compare."""


@dataclass(frozen=True)
class Step:
    """Something that happens: the name of a method of `Day`, and what it is given."""

    what: str
    facts: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.what}({', '.join(f'{name}={value!r}' for name, value in self.facts.items())})"


class CannotHappenError(Exception):
    """A step has nothing to happen to: those that made it possible were left out."""


@dataclass
class Day:
    """An office, and the rules beside it. `number` tells it from other days."""

    number: int
    trace: list[str] = field(default_factory=list)
    """What happened, and how the alerts stood after it: the same each time that the day is played."""

    def __enter__(self) -> Day:
        self.clock = FixedClock()
        self.office = Office(self.clock)
        self.model = Rules(
            self.clock.now(),
            {one["camera_id"]: Camera(one["site"], one["counter"], one["direction"]) for one in CAMERAS},
            {look.name: scores(look) for look in LOOKS},
            [frozenset((look.name, look.twin_of)) for look in LOOKS if look.twin_of],
            THRESHOLD,
            {name: Station(site, counters) for name, (site, counters, _) in PCS.items()},
        )
        for one in LISTED:
            self.model.orders[one.key] = one
            self.model.photographs[one.subject] = 1
        self.people = {name: Person(name, site, role.value) for name, (site, role) in PEOPLE.items()}
        self.pcs = {
            name: Pc(
                self.office.exchange,
                self.office.folder / name,
                name,
                site,
                counters,
                who,
                self.clock.now,
                supervised=PEOPLE[who][1] is PersonRole.SUPERVISOR,
                person=str(self.office.people[who].person_id),
            )
            for name, (site, counters, who) in PCS.items()
        }
        for pc in self.pcs.values():
            pc.start()
        self.comparison = Comparison(self.office, self.model)
        self._ahead = timedelta()
        self._state: object = None
        self._compare()
        return self

    def __exit__(self, failed: object, *_: object) -> None:
        for pc in self.pcs.values():
            if pc.alive:
                pc.die()
        self.office.stop()
        if failed is None:
            self.comparison.check_end(self.office.folder)

    def do(self, step: Step) -> bool:
        """Let a step happen, and compare; return whether there was something for it to happen to."""
        self._answer = ""
        ahead = self._ahead if step.facts.get("pc") in PCS_OF_OTHER and "alert" in step.facts else timedelta()
        try:
            self._set_clock(ahead)
            getattr(self, step.what)(**step.facts)
        except CannotHappenError:
            return False
        finally:
            self._set_clock(-ahead)
        self._compare()
        self.trace.append(f"{step} {self._answer}; {'; '.join(self.comparison.told())}")
        return True

    # The watchlist

    def list_order(self, key: str, subject: str, begins: int, lasts: int, received: int, **facts: Any) -> None:
        """A new order comes, or an extension; days are counted from this one."""
        today = self._today()
        first = today + timedelta(days=begins)
        if (decided := facts.pop("decided")) is not None:
            facts["decree"] = today + timedelta(days=decided)
        one = Order(key, subject, first=first, last=first + timedelta(days=lasts), received=today, **facts)
        one.received += timedelta(days=received)
        one.urgent_since = one.received if one.urgent else None
        self._put(one)

    def is_not_urgent(self, key: str, extends: str) -> None:
        """(orders) What was urgent is sent again as if it were not, or as an extension."""
        one = self._order(key)
        self._put(replace(one, urgent=False, received=max(one.received, self._today()), extends=extends))

    def is_urgent(self, key: str) -> None:
        """An order comes again, as an urgent one."""
        one, today = self._order(key), self._today()
        since = min(one.urgent_since or today, today)
        self._put(replace(one, urgent=True, received=today, urgent_since=since))

    def is_decided(self, key: str) -> None:
        """An order's decree comes, with its paper if that was not awaited."""
        one, today = self._order(key), self._today()
        self._put(replace(one, decree=today, received=one.received if one.urgent else today))

    def is_respelled(self, key: str, agency: str) -> None:
        """An order comes again, with another name of its agency."""
        self._put(replace(self._order(key), agency=agency))

    def moves(self, key: str) -> None:
        """An order comes again under another key of its person."""
        one = self._order(key)
        keys = [other for other in (*SUBJECTS, *OTHER_KEYS) if person_of(other) == one.person and other != one.subject]
        if not keys:
            raise CannotHappenError
        self._put(replace(one, subject=keys[0]))

    def is_revoked(self, key: str, seconds: int, ground: str) -> None:
        """An order is taken back, some time from now."""
        if self._order(key).revoked_at:
            raise CannotHappenError
        at = self.clock.now() + timedelta(seconds=seconds)
        self._put(replace(self._order(key), revoked_at=at, ground=ground))

    def is_photographed(self, key: str) -> None:
        """(4) An order comes again with another photograph of its subject."""
        one = self._order(key)
        if self.model.photographs_of(one.person) == MAX_PHOTOGRAPHS:
            raise CannotHappenError  # more are not shown
        self.model.photographs[one.subject] += 1
        self.office.put(one, self.model.photographs[one.subject])

    def is_withdrawn(self, key: str) -> None:
        """The source no longer has it, or has it again."""
        one = self._order(key)
        self._put(replace(one, withdrawn_at=None if one.withdrawn_at else self.clock.now()))

    def the_law_changes(self, days: int, months: int) -> None:
        """A row of the law is added: CEGAH orders that were decided since some day hold for so many months."""
        holds_from = self._today() + timedelta(days=days)
        self.model.terms[holds_from] = months
        self.office.add_law(holds_from, months)

    def _order(self, key: str) -> Order:
        if key not in self.model.orders:
            raise CannotHappenError
        return self.model.orders[key]

    def _put(self, one: Order) -> None:
        """Store an order; what is drawn has dates that can be true (`test_order_dates.py` has the others)."""
        if read(replace(ban_order(one), urgent_since=one.urgent_since), Law()).doubts:
            raise CannotHappenError
        self.model.photographs[one.subject] = max(1, self.model.photographs[one.subject])
        self.model.orders[one.key] = one
        self.office.put(one)

    def _today(self) -> date:
        return self.clock.now().astimezone(WIB).date()

    # Travellers

    def traveller_passes(self, number: int, camera: str, look: str, ago_s: int, quality: float) -> None:
        """A traveller passes a camera."""
        track = f"019ab3c5-{self.number:04x}-7000-9000-{number:012x}"
        self._send(Sent(camera, look, track, self._capture(number), timedelta(seconds=ago_s), quality))

    def another_crop_comes(self, number: int, of: int, quality: float) -> None:
        """The camera that saw them sends another picture of that passage."""
        earlier = self._sent(of)
        self._send(Sent(earlier.camera, earlier.look, earlier.track, self._capture(number), timedelta(), quality))

    def a_track_goes_over(self, number: int, of: int, look: str, quality: float) -> None:
        """(3) The camera's tracker goes over from one traveller to another: a passage is one person."""
        earlier = self._sent(of)
        self._send(Sent(earlier.camera, look, earlier.track, self._capture(number), timedelta(), quality))

    def a_capture_is_sent_again(self, of: int) -> None:
        """A camera has had no receipt."""
        self._send(self._sent(of))

    def an_exercise_comes(self, number: int, camera: str, colleague: str, look: str) -> None:
        """(16) An exercise is sent to a camera; a real traveller may pass before it is played."""
        request = self.office.exercise_is_sent(camera, colleague)
        assert (request is not None) == self.model.is_due(camera)
        if request is None:
            return
        if look:
            self.traveller_passes(number, camera, look, 0, 0.5)
        self.model.is_played(camera)
        capture = self._capture(number).replace("-8000-", "-a000-")
        self.comparison.receipts.add(self.office.exercise_is_played(camera, request, colleague, capture))

    def look_at_exercise(self, exercise: int, pc: str, finding: str, *, seen: bool) -> None:
        """(16) Somebody looks at the two faces of an exercise, and is told at once that it was one."""
        if exercise >= len(self.model.exercises):
            raise CannotHappenError
        refused = self.model.look_at_exercise(self.model.exercises[exercise], self._person(pc), finding, seen=seen)
        key, client = self.comparison.exercises[exercise], self.pcs[pc].client
        version = self.office.stores.alerts.get(key).version - (not seen)
        self._expect(refused, lambda: client.look(str(key), version, Outcome(finding)))

    def _capture(self, number: int) -> str:
        return f"019ab3c5-{self.number:04x}-7000-8000-{number:012x}"

    def _sent(self, number: int) -> Sent:
        found = next((one for one in self.comparison.sent if one.capture_id == self._capture(number)), None)
        if found is None:
            raise CannotHappenError
        return found

    def _send(self, sent: Sent) -> None:
        at = self.clock.now() - sent.ago
        passage = f"{sent.camera}/{sent.track}"
        self.model.passes(sent.camera, sent.look, passage, sent.capture_id, at, sent.quality)
        self.comparison.sent.append(sent)
        receipt = self.office.passes(sent.camera, sent.look, sent.track, sent.capture_id, at, sent.quality)
        self.comparison.receipts.add(receipt)

    # Officers

    def signs_out(self, pc: str) -> None:
        """(6) Whoever works at a PC signs out, and in again."""
        self.model.signs_out(self._person(pc), pc)
        self.office.signs_out(self._person(pc).name, pc)

    def is_disabled_or_enabled(self, name: str) -> None:
        """(6) An officer's account is disabled, or enabled again."""
        self.model.disabled ^= {name}
        self.office.set_disabled(name, disabled=name in self.model.disabled)
        self._state = None

    def claim(self, alert: int, pc: str) -> None:
        """Somebody takes an alert."""
        refused = self.model.claim(self._alert(alert), self._person(pc), pc)
        self._expect(refused, lambda: self.pcs[pc].client.claim(self._key(alert)))
        self._state = None  # a claim that is renewed is no event, but the server watches it anew

    def look(self, alert: int, pc: str, finding: str, *, seen: bool) -> None:
        """(15) Somebody looks at the two faces; then, and only then, all is shown to them."""
        refused = self.model.look(self._alert(alert), self._person(pc), seen=seen)
        key, version, client = self._key(alert), self._version(alert, seen=seen), self.pcs[pc].client
        self._expect(refused, lambda: client.look(key, version, Outcome(finding)))

    def release(self, alert: int, pc: str) -> None:
        """Somebody gives it back."""
        refused = self.model.release(self._alert(alert), self._person(pc), pc)
        self._expect(refused, lambda: self.pcs[pc].client.release(self._key(alert)))

    def judge(self, alert: int, pc: str, outcome: str, *, seen: bool) -> None:
        """Somebody judges the present candidate at the counter."""
        refused = self.model.judge(self._alert(alert), self._person(pc), pc, outcome, seen=seen)
        key, version = self._key(alert), self._version(alert, seen=seen)
        client, reason = self.pcs[pc].client, REASONS[outcome]
        self._expect(refused, lambda: client.adjudicate(key, version, Outcome(outcome), reason, ""))

    def take_over(self, alert: int, pc: str, *, seen: bool) -> None:
        """A supervisor takes it from somebody."""
        refused = self.model.take_over(self._alert(alert), self._person(pc), pc, seen=seen)
        key, version, client = self._key(alert), self._version(alert, seen=seen), self.pcs[pc].client
        self._expect(refused, lambda: client.take_over(key, version, Reason.HOLDER_AWAY, ""))

    def confirm(self, alert: int, pc: str, *, provisional: bool, seen: bool) -> None:
        """Somebody has the number of Cekal Online, or cannot reach it."""
        refused = self.model.confirm(self._alert(alert), self._person(pc), provisional=provisional, seen=seen)
        key, version, client = self._key(alert), self._version(alert, seen=seen), self.pcs[pc].client
        number = "" if provisional else "CO-2026/0117"
        reason = Reason.CENTRAL_SYSTEM_DOWN if provisional else Reason.LISTED_IN_CEKAL_ONLINE
        self._expect(refused, lambda: client.confirm(key, version, number, "", reason=reason))

    def enter_reference(self, alert: int, pc: str, *, seen: bool) -> None:
        """Somebody has the number at last."""
        refused = self.model.enter_reference(self._alert(alert), self._person(pc), seen=seen)
        key, version, client = self._key(alert), self._version(alert, seen=seen), self.pcs[pc].client
        self._expect(refused, lambda: client.enter_reference(key, version, "CO-2026/0117", ""))

    def clear(self, alert: int, pc: str, reason: str, *, seen: bool) -> None:
        """Somebody clears it after a referral."""
        refused = self.model.clear(self._alert(alert), self._person(pc), reason, seen=seen)
        key, version, client = self._key(alert), self._version(alert, seen=seen), self.pcs[pc].client
        self._expect(refused, lambda: client.clear(key, version, Reason(reason), ""))

    def follow_up(self, alert: int, pc: str, agency: str, *, seen: bool) -> None:
        """Somebody has told an agency of a hit."""
        refused = self.model.follow_up(self._alert(alert), self._person(pc), agency, seen=seen)
        key, version, client = self._key(alert), self._version(alert, seen=seen), self.pcs[pc].client
        contact = FollowUp(agency, "duty desk", "two officers come", self.clock.now())
        self._expect(refused, lambda: client.record_follow_up(key, version, contact))

    def close(self, alert: int, pc: str, *, seen: bool) -> None:
        """Somebody closes it."""
        refused = self.model.close(self._alert(alert), self._person(pc), seen=seen)
        key, version, client = self._key(alert), self._version(alert, seen=seen), self.pcs[pc].client
        self._expect(refused, lambda: client.close_alert(key, version))

    def _alert(self, number: int) -> Any:
        if number >= len(self.model.alerts):
            raise CannotHappenError
        return self.model.alerts[number]

    def _key(self, number: int) -> str:
        return str(self.comparison.keys[number])

    def _person(self, pc: str) -> Person:
        return self.people[PCS[pc][2]]

    def _version(self, number: int, *, seen: bool) -> int:
        return self.comparison.versions[self.comparison.keys[number]] - (not seen)

    def _expect(self, refused: set[str], call: Callable[[], object]) -> None:
        """Do what the rules refuse for one of these reasons, or let happen."""
        reason = ""
        try:
            call()
        except grpc.RpcError as error:
            reason = error_reason(error) or str(error)
        assert reason in (refused or {""}), (reason, refused)
        self._answer = reason

    # Clocks and machines

    def the_other_server_is_ahead(self, seconds: int) -> None:
        """(6) The clock of the server to which some PCs are connected is ahead of that which leads, or behind."""
        self._ahead = timedelta(seconds=seconds)

    def _set_clock(self, ahead: timedelta) -> None:
        self.clock.moment += ahead
        self.model.clock_is_set(self.clock.now())

    def time_passes(self, seconds: int) -> None:
        """Nothing happens for a while."""
        # The server looks after PCs every second: at the end of a longer time, three times.
        parts = [seconds] if seconds <= 2 * LOOK_S else [seconds - 2 * LOOK_S, LOOK_S, LOOK_S]
        for number, part in enumerate(parts):
            passed = timedelta(seconds=part)
            self.clock.advance(passed)
            self.model.goes_on(self.clock.now(), passed)
            self.office.work(passed, all_of_it=number in {0, 2})
        self._state = None

    def the_server_clock_is_set(self, seconds: int) -> None:
        """(6, 14) The server's clock is set ahead or back; no time passes."""
        self.clock.moment += timedelta(seconds=seconds)
        self.model.clock_is_set(self.clock.now())
        self.time_passes(5)

    def a_camera_clock_goes_wrong(self, camera: str, hours: int) -> None:
        """(14) It loses nobody: the rules take no notice of it."""
        self.office.set_camera_clock(camera, timedelta(hours=hours))

    def a_pc_dies_or_comes_back(self, pc: str) -> None:
        """A PC dies, or its agent starts again."""
        if self.pcs[pc].alive:
            self.pcs[pc].die()
            self.model.goes_off(pc)
        elif self._person(pc).name in self.model.disabled:
            raise CannotHappenError  # nobody may look at what is at hand there
        else:
            self.pcs[pc].start()
            self.model.comes_back(pc)
            self._state = None

    def the_server_restarts(self) -> None:
        """The server stops and starts; what was only in memory is gone."""
        self.office.stop()
        self.model.the_server_restarts()
        self.office.start()
        for pc in self.pcs.values():
            if pc.alive:
                pc.connect()
        self._state = None

    # What must be so

    def _compare(self) -> None:
        """Let the product do its work, and compare it with the rules."""
        changed = self.office.machine.state() != self._state
        if changed:  # else it has nothing to do and nothing to say: neither time nor what it knows has changed
            self.office.work()
            self.model.looks()
            self.model.watches()
            for pc in self._alive():
                pc.listen()
        self._state = self.office.machine.state()
        self.comparison.check(self._alive(), changed=changed)
        self.model.ends_step()

    def _alive(self) -> Iterator[Pc]:
        return (pc for pc in self.pcs.values() if pc.alive)

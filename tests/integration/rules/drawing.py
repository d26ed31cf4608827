"""Draws what happens on a day. A number gives the same day everywhere: nothing but that number decides."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any, TypeVar

from tests.integration.rules.day import PCS, REASONS, Day, Step
from tests.integration.rules.faces import LOOKS, OTHER_KEYS, SUBJECTS
from tests.integration.rules.office import CAMERAS, COLLEAGUES
from tests.integration.rules.values import Alert, person_of

STEPS = 18
OFFICERS = ["budi", "ani", "tono"]
CAMERA_IDS = [one["camera_id"] for one in CAMERAS]
CLEARED_FOR = ["NOT_LISTED_IN_CEKAL_ONLINE", "TRAVELLER_GONE", "ORDER_ENDED"]
NEXT = {
    "NEW": ("claim", "claim", "look"),
    "CLAIMED": ("judge", "judge", "judge", "judge", "look", "look", "release", "claim", "take_over"),
    "REFERRED": ("look", "confirm", "confirm", "confirm", "clear", "take_over", "is_disabled"),
    "CANNOT_DETERMINE": ("look", "confirm", "confirm", "clear", "take_over"),
    "CONFIRMED": ("follow_up", "follow_up", "close", "enter_reference", "clear"),
    "CLEARED": ("close",),
    "CLOSED": (),
}
"""What people do with an alert that stands so; or who judged it is disabled before a second person looks."""
STEPS_OF_PEOPLE = sorted({step for steps in NEXT.values() for step in steps} - {"is_disabled"})
BY_SUPERVISORS = {"confirm", "clear", "take_over", "enter_reference"}

AGENCIES = [
    "Kejaksaan Agung",
    "KEJAKSAAN AGUNG RI",
    "Kejaksaan-Agung, R.I.",
    "Polri",
    "Kepolisian R.I.",
    "Dinas Contoh",
]
A_STEP, A_LOOK = 0.1, 0.3
"""How likely an exercise comes after a step, and somebody looks at one that stands."""
AFTER_ALL = 100
"""Numbers of captures of exercises come after those of others."""
GROUNDS = ["AGENCY", "COURT", "ACQUITTAL"]
QUALITIES = [0.4, 0.5, 0.6]

T = TypeVar("T")


class Drawing:
    """The steps of day `number`, which it draws while the day goes on: what is likely depends on how it stands."""

    def __init__(self, number: int, day: Day) -> None:
        self._random = Random(number)  # noqa: S311  # nothing secret
        self._of_exercises = Random(f"exercises of {number}")  # noqa: S311  # nothing secret
        self._day = day
        self._passed, self._listed = 0, len(day.model.orders)
        # Each day has more of one thing, and less of another.
        self._weights = {kind: self._some((1, 2, 6)) * usual for kind, usual in KINDS.items()}

    def steps(self) -> Iterator[Step]:
        """Yield them."""
        for number in range(STEPS):
            kinds = list(self._weights)
            while (step := self._random.choices(kinds, list(self._weights.values()))[0](self)) is None:
                pass
            yield step
            yield from self._exercises(number)

    def _exercises(self, number: int) -> Iterator[Step]:
        """Yield what becomes of exercises after a step; what else is drawn is the same without them."""
        random, standing = self._of_exercises, [one for one in self._day.model.exercises if not one.end]
        if random.random() < A_STEP:
            look = random.choice(["", "", "one", "stranger 0", "look-alike of one"])
            facts = {"number": AFTER_ALL + number, "camera": random.choice([*CAMERA_IDS, "dep-1"]), "look": look}
            yield Step("an_exercise_comes", facts | {"colleague": random.choice(COLLEAGUES)})
        elif standing and random.random() < A_LOOK:
            exercise, pc = self._day.model.exercises.index(random.choice(standing)), random.choice([*PCS])
            facts = {"exercise": exercise, "pc": pc, "finding": random.choice([*REASONS])}
            yield Step("look_at_exercise", facts | {"seen": random.random() < 0.9})

    def _some(self, of: Sequence[T]) -> T:
        return of[self._random.randrange(len(of))]

    def _list_order(self) -> Step:
        self._listed += 1
        begins = self._some([-200, -45, -19, -3, -3, 0, 0, 1])
        received = min(begins, 0) + self._some([-1, 0, 0, 0])
        urgent = self._random.randrange(3) == 0
        held = list(self._day.model.orders)
        facts: dict[str, Any] = {
            "key": f"O-{self._listed}",
            "subject": self._some([*SUBJECTS * 2, *OTHER_KEYS]),
            "kind": self._some(["CEGAH", "CEGAH", "TANGKAL"]),
            "begins": begins,
            "lasts": self._some([1, 1, 20, 30, 170, 400]),
            "received": received,
            "urgent": urgent,
            "decided": None if self._random.randrange(4) < 1 + 2 * urgent else received,
            "agency": self._some(AGENCIES),
            "extends": self._some([*held, "O-99"]) if self._random.randrange(4) == 0 else "",
        }
        return Step("list_order", facts)

    def _order(self) -> str:
        """Draw an order, mostly of somebody of whom there is an alert."""
        orders, alerts = self._day.model.orders, self._day.model.alerts
        people = {person_of(subject) for one in alerts if one.state != "CLOSED" for subject in one.left}
        return self._some([*orders, *[key for key, one in orders.items() if one.person in people] * 4])

    def _change_order(self) -> Step:
        key = self._order()
        what = self._some(
            ["moves", "moves", "is_not_urgent", "is_urgent", "is_decided", "is_respelled", "is_photographed"]
        )
        facts: dict[str, object] = {"key": key}
        if what == "is_not_urgent":
            facts["extends"] = self._some(["", "", *(one for one in self._day.model.orders if one != key)])
        elif what == "is_respelled":
            facts["agency"] = self._some(AGENCIES)
        return Step(what, facts)

    def _end_order(self) -> Step:
        key = self._order()
        if self._random.randrange(2):
            return Step("is_withdrawn", {"key": key})
        facts = {"key": key, "seconds": self._some([-60, 0, 0, 90]), "ground": self._some(GROUNDS)}
        return Step("is_revoked", facts)

    def _the_law_changes(self) -> Step:
        return Step("the_law_changes", {"days": self._some([-50, -50, 0]), "months": self._some([1, 1, 6])})

    def _traveller_passes(self) -> Step:
        self._passed += 1
        listed = [look for look in LOOKS if look.scores]
        camera, look = self._some([*CAMERA_IDS, "dep-1", "dep-2"]), self._some([*LOOKS, *listed * 2]).name
        facts = {"number": self._passed, "camera": camera, "look": look, "ago_s": self._some([0, 0, 0, 5, 300])}
        facts["quality"] = self._some(QUALITIES)
        return Step("traveller_passes", facts)

    def _another_crop_comes(self) -> Step | None:
        if not self._passed:
            return None
        of = 1 + self._random.randrange(self._passed)
        self._passed += 1
        return Step("another_crop_comes", {"number": self._passed, "of": of, "quality": self._some(QUALITIES)})

    def _a_track_goes_over(self) -> Step | None:
        step = self._another_crop_comes()
        others = [look.name for look in LOOKS if not look.sibling_of]  # who is somewhat alike may be taken for the same
        return step and Step("a_track_goes_over", step.facts | {"look": self._some(others)})

    def _a_capture_is_sent_again(self) -> Step | None:
        if not self._passed:
            return None
        return Step("a_capture_is_sent_again", {"of": 1 + self._random.randrange(self._passed)})

    def _handle(self) -> Step | None:
        """Somebody does what an alert is there for; now and then something else, or somebody else."""
        alerts = self._day.model.alerts
        if not alerts:
            return None
        numbers = range(len(alerts))
        number = self._some([*numbers, *[one for one in numbers if alerts[one].state != "CLOSED"] * 4])
        alert = alerts[number]
        usual = NEXT[alert.state] if self._random.randrange(8) else ()
        what = self._some(usual or STEPS_OF_PEOPLE)
        if what == "is_disabled":
            return Step("is_disabled_or_enabled", {"name": alert.officer}) if alert.officer in OFFICERS else None
        facts: dict[str, Any] = {"alert": number, "pc": self._pc(alert, what)}
        if what not in {"claim", "release"}:
            facts["seen"] = self._random.randrange(8) > 0
        if what == "look":
            facts["finding"] = self._some([*REASONS])
        elif what == "judge":
            facts["outcome"] = self._some([*REASONS, "REFERRED", "REFERRED"])
        elif what == "confirm":
            facts["provisional"] = self._random.randrange(3) == 0
        elif what == "clear":
            facts["reason"] = self._some(CLEARED_FOR)
        elif what == "follow_up":
            held = [one.agency for one in self._day.model.orders.values() if one.subject == alert.subject]
            facts["agency"] = self._some([*held, *held, *AGENCIES])
        return Step(what, facts)

    def _pc(self, alert: Alert, what: str) -> str:
        if not self._random.randrange(8):
            return self._some(list(PCS))
        if alert.holder and what != "take_over":
            return alert.holder[1]
        there = [pc for pc, (site, _, _) in PCS.items() if site == alert.site]
        supervisors = [pc for pc in there if "supervisor" in pc]
        return self._some((what in BY_SUPERVISORS and supervisors) or [one for one in there if one not in supervisors])

    def _somebody_signs_out(self) -> Step:
        holders = [one.holder[1] for one in self._day.model.alerts if one.holder]
        return Step("signs_out", {"pc": self._some([*PCS, *holders * 6])})

    def _somebody_is_disabled(self) -> Step:
        return Step("is_disabled_or_enabled", {"name": self._some(OFFICERS)})

    def _the_other_server_is_ahead(self) -> Step:
        return Step("the_other_server_is_ahead", {"seconds": self._some([-100, 0, 100])})

    def _time_passes(self) -> Step:
        return Step("time_passes", {"seconds": self._some([1, 20, 61, 91, 130, 500, 700, 8 * 3600, 24 * 3600])})

    def _the_server_clock_is_set(self) -> Step:
        return Step("the_server_clock_is_set", {"seconds": self._some([-6 * 3600, -100, 100, 6 * 3600])})

    def _a_camera_clock_goes_wrong(self) -> Step:
        return Step(
            "a_camera_clock_goes_wrong", {"camera": self._some(CAMERA_IDS), "hours": self._some([0, 2, -3, 30_000])}
        )

    def _a_pc_dies_or_comes_back(self) -> Step:
        return Step("a_pc_dies_or_comes_back", {"pc": self._some(list(PCS))})

    def _the_server_restarts(self) -> Step:
        return Step("the_server_restarts", {})


KINDS: dict[Callable[[Drawing], Step | None], float] = {
    Drawing._traveller_passes: 3,
    Drawing._another_crop_comes: 1,
    Drawing._a_track_goes_over: 0.7,
    Drawing._a_capture_is_sent_again: 0.5,
    Drawing._list_order: 1,
    Drawing._change_order: 1,
    Drawing._end_order: 1,
    Drawing._handle: 14,
    Drawing._time_passes: 2,
    Drawing._the_server_clock_is_set: 0.3,
    Drawing._a_camera_clock_goes_wrong: 0.2,
    Drawing._a_pc_dies_or_comes_back: 0.4,
    Drawing._the_server_restarts: 0.2,
    Drawing._somebody_signs_out: 0.4,
    Drawing._somebody_is_disabled: 0.5,
    Drawing._the_other_server_is_ahead: 0.3,
    Drawing._the_law_changes: 0.3,
}
"""How likely each is, on the whole."""

"""Pictures in memory: loaded once for a probe, and for how long they stay."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from cekalwatch.contract.values.alerts import Alert, AlertPictures
from cekalwatch.notifier.delivery import picture_cache
from cekalwatch.notifier.delivery.picture_cache import PictureCache, PictureLoader
from cekalwatch.office.alerts import PicturesMissing
from cekalwatch.office.client.refusals import Failure
from cekalwatch.program.errors import ProgramError
from tests.support.builders.notifier_alerts import make_alert, make_pictures


class Source:
    """Gives numbered pictures away, and tells the time."""

    def __init__(self) -> None:
        self.loads = 0
        self.now_s = 0.0
        self.cache = PictureCache(self._load, timedelta(minutes=10), lambda: self.now_s)

    def _load(self, alert_id: str) -> AlertPictures:
        self.loads += 1
        return make_pictures(f"{alert_id} {self.loads}".encode())


@pytest.fixture
def source() -> Source:
    return Source()


def run_at_once(
    load: Callable[[], AlertPictures], done: Callable[[AlertPictures], object], _: Callable[[Failure], object]
) -> None:
    done(load())


def with_better_probe(alert: Alert) -> Alert:
    return replace(alert, probe_capture_id=str(uuid.uuid4()))


def test_pictures_are_loaded_once_for_a_probe_and_a_subject(source: Source) -> None:
    alert = make_alert()
    pictures = source.cache.fetch(alert)
    assert source.cache.fetch(replace(alert, version=9)) == pictures
    better = with_better_probe(alert)
    assert source.cache.held(better) is None
    assert source.cache.held_before(better) == pictures, "to look at until the better one has come"
    source.cache.fetch(better)
    other = replace(better, subject=replace(better.subject, subject_id="S-2"))
    assert source.cache.held(other) is None
    assert source.cache.held_before(other) is None, "nobody is compared with another person's photographs"
    source.cache.fetch(other)
    assert source.loads == 3


def test_the_photograph_stays_while_the_server_does_not_answer(source: Source) -> None:
    fails, changed = [False], list[bool]()

    def run(
        load: Callable[[], AlertPictures], done: Callable[[AlertPictures], object], failed: Callable[[Failure], object]
    ) -> None:
        if fails[0]:
            failed(ProgramError("the server does not answer"))
        else:
            done(load())

    loader = PictureLoader(source.cache, run, lambda: changed.append(True))
    alert = make_alert()
    loader.of(alert)
    before = loader.of(alert)
    fails[0] = True
    better = with_better_probe(alert)
    assert loader.of(better) == before
    assert loader.of(better) == before, "also once the call has failed"
    assert loader.of(with_better_probe(make_alert())) is PicturesMissing.LOADING
    fails[0] = False
    loader.retry()
    loader.of(better)
    assert loader.of(better) != before


def test_they_leave_when_their_time_is_over_but_for_those_on_screen(source: Source) -> None:
    first, second = make_alert(), make_alert()
    for alert in (first, second):
        source.cache.fetch(alert)
    source.now_s = 599
    source.cache.drop_old()
    assert source.cache.held(first)
    source.now_s = 600
    source.cache.drop_old(on_screen=second.alert_id)
    assert source.cache.held(first) is None
    assert source.cache.held(second)
    source.cache.clear()
    assert source.cache.held(second) is None


def test_there_are_never_more_than_a_bounded_number(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_cache, "MAX_ALERTS", 3)
    alerts = [make_alert() for _ in range(5)]
    for alert in alerts:
        source.cache.fetch(alert)
    assert [bool(source.cache.held(alert)) for alert in alerts] == [False, False, True, True, True]


def test_pictures_are_loaded_once_it_is_known_whom_they_are_about(source: Source) -> None:
    loader = PictureLoader(source.cache, run_at_once, lambda: None)
    alert = make_alert()
    assert loader.of(alert.unnamed) is PicturesMissing.LOADING
    assert source.loads == 0, "each load is a view in the audit trail"
    loader.of(alert)
    assert isinstance(loader.of(alert), AlertPictures)
    assert source.loads == 1


def test_faces_lie_in_memory_encrypted_with_a_key_of_their_own(source: Source) -> None:
    alert = make_alert()
    source.cache.fetch(alert)
    source.cache.fetch(other := make_alert())
    held = [vars(source.cache)["_held"][key].sealed for key in (alert.alert_id, other.alert_id)]
    assert not [one for one in held if alert.alert_id.encode() in one or other.alert_id.encode() in one]
    assert held[0][:12] != held[1][:12], "no nonce is used twice"

"""What the vision thread does with the view, on scenes that are made frame by frame."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType

from cekalwatch.camera.detection.pipeline import Pipeline
from cekalwatch.camera.detection.tracker import Tracker
from cekalwatch.camera.outbox.outbox import Outbox
from cekalwatch.camera.sources.frames import Frame
from cekalwatch.camera.sources.stream_health import StreamFault
from cekalwatch.camera.statistics import CameraStatistics
from cekalwatch.camera.view.monitor import PresetStatus, ViewMonitor
from cekalwatch.contract.values.cameras import ViewState
from cekalwatch.vision.faces import Face, Part, Picture
from tests.support.builders.camera import BEGIN, ManualClock, face_at
from tests.support.builders.camera_view import seen, with_people


class Panning:
    """A camera that is turned by hand between 8 and 12 s, while somebody walks by."""

    name = "scene"
    endless = False
    can_wait = False
    dropped = 0
    faults: Mapping[StreamFault, int] = MappingProxyType({})

    def __init__(self, seconds: float = 20) -> None:
        self._frames = round(seconds * 2)

    def __iter__(self) -> Iterator[Frame]:
        for number in range(self._frames):
            at_s = number * 0.5
            right = 120 * min(max(0.0, at_s - 8), 4)
            picture = with_people(seen(right=right, noise=number), [(300 + 15 * number % 300, 200, 130)])
            yield Frame(picture, BEGIN + timedelta(seconds=at_s), at_s)

    def close(self) -> None: ...


class OneFace:
    """Finds somebody in each frame, so that whatever is not sent was kept back on purpose."""

    name, upright_score = "known", 0.5

    def detect(self, picture: Picture) -> list[Face]:
        assert picture.size
        return [face_at(312, 158, 100)]


def test_nothing_that_was_seen_during_a_pan_is_sent():
    clock = ManualClock()
    outbox = Outbox(100, clock)
    statistics = CameraStatistics(outbox, clock)
    Pipeline(Panning(), OneFace(), Tracker(1.0), outbox, statistics).run()
    sent_s = []
    while capture := outbox.take(credit=32):
        sent_s.append((capture.captured_at - BEGIN).total_seconds())
    assert [at for at in sent_s if at <= 8]
    assert [at for at in sent_s if at >= 14]
    assert not [at for at in sent_s if 8.5 < at < 12.5]


def test_the_heartbeat_tells_what_is_wrong_with_the_view():
    clock = ManualClock()
    outbox = Outbox(100, clock)
    statistics = CameraStatistics(outbox, clock)
    Pipeline(Panning(seconds=35), OneFace(), Tracker(1.0), outbox, statistics).run()
    assert statistics.heartbeat().view_state is ViewState.MOVED


class Standing(Panning):
    """Sixty frames of somebody who stands below the camera, half a second apart."""

    def __iter__(self) -> Iterator[Frame]:
        for number in range(60):
            at_s = number * 0.5
            yield Frame(
                with_people(seen(noise=number), [(300 + 5 * number, 200, 130)]), BEGIN + timedelta(seconds=at_s), at_s
            )


def test_a_turn_ends_the_passages_and_nothing_is_sent_until_the_camera_is_back():
    statuses = iter([PresetStatus.AT_PRESET] * 20 + [PresetStatus.AWAY] * 20 + [PresetStatus.AT_PRESET] * 20)
    under_way = []

    def preset_status() -> PresetStatus:
        under_way.append(statistics.under_way)
        return next(statuses)

    clock = ManualClock()
    outbox = Outbox(100, clock)
    statistics = CameraStatistics(outbox, clock)
    view = ViewMonitor(preset_status)
    Pipeline(Standing(), OneFace(), Tracker(30.0), outbox, statistics, view=view).run()
    sent = []
    while capture := outbox.take(credit=32):
        sent.append(((capture.captured_at - BEGIN).total_seconds(), capture.track_id))
    before, after = {track for at, track in sent if at < 10}, {track for at, track in sent if at >= 20}
    assert before
    assert after
    assert not before & after
    assert not [at for at, _ in sent if 10 <= at < 20]
    assert under_way[19] == 1
    assert under_way[21:40] == [0] * 19


class Searched(OneFace):
    """Finds one face with a score, and counts how it was asked."""

    def __init__(self, score: float) -> None:
        self._face = face_at(312, 200, 100, score)
        self.asked: Counter[str] = Counter()

    def detect(self, picture: Picture) -> list[Face]:
        assert picture.size
        self.asked["whole"] += 1
        return [self._face]

    def search(self, picture: Picture, part: Part, besides: Collection[Face] = ()) -> list[Face]:
        assert picture.size
        assert part
        assert besides
        self.asked["part"] += 1
        return []

    def follow(self, picture: Picture, expected: Sequence[Face]) -> list[Face | None]:
        assert picture.size
        self.asked["followed"] += len(expected)
        return [self._face] * len(expected)


class AtACounter(Panning):
    """Two seconds of somebody who stands below the camera, at fifteen frames a second."""

    def __iter__(self) -> Iterator[Frame]:
        picture = with_people(seen(noise=1), [(312, 200, 130)])
        for number in range(30):
            yield Frame(picture, BEGIN + timedelta(seconds=number / 15), number / 15)


def asked(score: float, whole_every_s: float) -> Counter[str]:
    clock = ManualClock()
    outbox, detector = Outbox(100, clock), Searched(score)
    statistics = CameraStatistics(outbox, clock)
    Pipeline(AtACounter(), detector, Tracker(), outbox, statistics, whole_every_s=whole_every_s).run()
    assert statistics.crops_total >= (score > 0.7)
    return detector.asked


def test_who_is_known_is_followed_between_searches_of_the_whole_picture():
    assert asked(0.9, 0.4) == {"whole": 5, "followed": 10}


def test_a_face_of_which_the_search_is_not_sure_yet_is_searched_for_in_each_frame():
    assert asked(0.65, 0.4) == {"whole": 30}


def test_without_that_setting_each_search_is_of_the_whole_picture():
    assert asked(0.9, 0.0) == {"whole": 15}

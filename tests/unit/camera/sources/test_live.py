"""A camera that fails in many ways and comes back. Its decoder is the real process; the device in it is made up."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from cekalwatch.camera.clock import SystemClock
from cekalwatch.camera.sources import live
from cekalwatch.camera.sources import stream_health as health
from cekalwatch.camera.sources.frames import Frame, SourceError
from cekalwatch.camera.sources.live import LiveSource
from cekalwatch.camera.sources.stream_health import StreamFault
from cekalwatch.wire.backoff import Backoff
from tests.support.fakes.local_camera import PERIOD_S, Device, Mood
from tests.support.repository import ROOT

MakeSource = Callable[..., LiveSource]


@pytest.fixture
def source_of(tmp_path: Path) -> Iterator[MakeSource]:
    """Makes the source of a device in a mood, and closes it."""
    made = []
    (tmp_path / "diary").touch()

    def make(first: Mood = Mood.WELL, times: int = 1) -> LiveSource:
        device = Device(tmp_path / "diary", first, times)
        source = LiveSource(device, "camera 7", SystemClock(), Backoff(first_s=0.01, most_s=0.02))
        made.append(source)
        return source

    yield make
    for source in made:
        source.close()


@pytest.fixture(autouse=True)
def _short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "SILENCE_S", 0.5)
    monkeypatch.setattr(health, "FIRST_PATIENCE_S", 1.0)


def frames_until(frames: Iterator[Frame], enough: Callable[[], bool]) -> list[Frame]:
    taken = []
    for frame in frames:
        taken.append(frame)
        if enough():
            return taken
    raise AssertionError("the source ended")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mood", "fault"),
    [
        (Mood.AWAY, StreamFault.NOT_OPENED),
        (Mood.ENDS, StreamFault.ENDED),
        (Mood.HANGS, StreamFault.SILENT),
        (Mood.CRASHES, StreamFault.DECODER_DIED),
        (Mood.REPEATS, StreamFault.REPEATS),
        (Mood.GROWS, StreamFault.SIZE_CHANGED),
    ],
)
@pytest.mark.timeout(60)
def test_a_camera_that_fails_is_opened_again_and_goes_on(source_of: MakeSource, mood: Mood, fault: StreamFault) -> None:
    source = source_of(mood)
    frames = iter(source)
    taken = frames_until(frames, lambda: bool(source.faults))
    taken += [next(frames) for _ in range(5)]
    assert dict(source.faults) == {fault: 1}
    times = [frame.at_s for frame in taken]
    assert times == sorted(times)


@pytest.mark.timeout(60)
@pytest.mark.slow
def test_a_camera_that_hangs_while_it_is_opened_is_given_up(
    source_of: MakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "OPENING_S", 3.0)
    source = source_of(Mood.HANGS_WHEN_OPENED)
    next(iter(source))
    assert dict(source.faults) == {StreamFault.SILENT: 1}


@pytest.mark.timeout(60)
def test_a_hanging_camera_does_not_hold_up_the_end(source_of: MakeSource) -> None:
    source = source_of(Mood.HANGS_WHEN_OPENED)
    ended = threading.Event()

    def read() -> None:
        for _ in source:
            pass
        ended.set()

    threading.Thread(target=read, daemon=True).start()
    began = time.monotonic()
    source.close()
    assert ended.wait(30)
    assert time.monotonic() - began < live.CLOSING_S


def test_a_slow_reader_gets_the_newest_frame_and_the_others_are_counted(source_of: MakeSource) -> None:
    source = source_of()
    frames = iter(source)
    first = next(frames)
    while not source.dropped > 10:
        time.sleep(0.01)
    second = next(frames)
    assert second.at_s - first.at_s > 10 * PERIOD_S
    assert source.dropped > 10


def test_a_camera_that_cannot_be_opened_at_first_is_an_error(source_of: MakeSource) -> None:
    with pytest.raises(SourceError, match="camera 7 cannot be opened"):
        source_of(Mood.AWAY).open()


def test_a_camera_that_was_opened_beforehand_is_not_opened_twice(source_of: MakeSource, tmp_path: Path) -> None:
    source = source_of()
    source.open()
    next(iter(source))
    assert Device(tmp_path / "diary").openings == 1


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_a_killed_program_leaves_no_decoder_behind(tmp_path: Path) -> None:
    program = (
        "from pathlib import Path; from tests.support.fakes.local_camera import Device, Mood;"
        "from cekalwatch.camera.sources.decoder import Decoder\n"
        "if __name__ == '__main__':\n"
        f"    decoder = Decoder(Device(Path({str(tmp_path / 'diary')!r}), Mood.HANGS))\n"
        "    decoder.open(); decoder.next_signal(30); print(decoder.pid, flush=True); decoder.next_signal(3600)\n"
        "    while decoder.next_signal(3600): pass\n"
    )
    (tmp_path / "program.py").write_text(program)
    (tmp_path / "diary").touch()
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, str(tmp_path / "program.py")], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        decoder = psutil.Process(int(process.stdout.readline()))
        process.kill()
    assert not psutil.wait_procs([decoder], timeout=30)[1]

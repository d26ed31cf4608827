"""A network camera whose stream is made to do harm: to the decoder, by it to the capture host, or to other cameras.

The decoder is the real process, confined as in the product; the streams are those of no sound camera.
"""

from __future__ import annotations

import http.server
import itertools
import math
import os
import pickle
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import numpy as np
import pytest

from cekalwatch.camera.clock import SystemClock
from cekalwatch.camera.settings import CameraSettings
from cekalwatch.camera.sources.decoder import MAX_AGE_S, Decoder, DecoderDied
from cekalwatch.camera.sources.decoder_link import MAX_BYTES, PictureMemory
from cekalwatch.camera.sources.frames import Frame, SourceError
from cekalwatch.camera.sources.live import LiveSource
from cekalwatch.camera.sources.opencv import NetworkCamera, OpenCapture, Transport
from cekalwatch.camera.sources.opening import open_source
from cekalwatch.camera.sources.stream_health import StreamFault
from cekalwatch.wire.backoff import Backoff
from tests.support.builders.camera_certificate import camera_certificate
from tests.support.builders.h264 import key_frame_of_noise, parameters
from tests.support.fakes.burglar_camera import ATTEMPTS, Burglar
from tests.support.fakes.local_camera import Device, Mood
from tests.support.fakes.rtsp_camera import encode, views
from tests.support.fakes.scripted_rtsp import DESCRIPTION, SOUND, ScriptedRtsp, described, film, packet
from tests.support.repository import ROOT

pytestmark = pytest.mark.timeout(120)
SECRET = "kata-sandi-kamera"
linux = pytest.mark.skipif(sys.platform != "linux", reason="processes are confined on Linux")


@contextmanager
def watched(open_capture: OpenCapture) -> Iterator[LiveSource]:
    source = LiveSource(open_capture, "camera", SystemClock(), Backoff(first_s=0.01, most_s=0.05))
    try:
        yield source
    finally:
        source.close()


@contextmanager
def reading(source: LiveSource) -> Iterator[list[Frame]]:
    """Read on another thread; the frames so far."""
    frames: list[Frame] = []
    reader = threading.Thread(target=lambda: frames.extend(source), daemon=True)
    reader.start()
    try:
        yield frames
    finally:
        source.close()
        reader.join()


def until(true: Callable[[], bool], within_s: float = 60.0) -> None:
    ends_s = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < ends_s
        time.sleep(0.02)


@linux
def test_who_takes_over_a_decoder_finds_no_key_no_secret_and_no_other_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CEKALWATCH_CAMERA_PTZ_PASSWORD", SECRET)
    (tmp_path / "spool.key").write_bytes(bytes(32))
    with watched(Burglar(tmp_path / "spool.key", SECRET, os.getpid())) as source:
        shown = next(iter(source)).picture
    assert [attempt for attempt, row in zip(ATTEMPTS, shown, strict=True) if row.any()] == []
    assert not (tmp_path / "left").exists()


class _Harmful:
    """Unpickled, it would be noticed."""

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch {self.mark}",)

    def __init__(self, mark: Path) -> None:
        self.mark = mark


def test_what_a_decoder_says_is_never_executed(tmp_path: Path) -> None:
    message = pickle.dumps(_Harmful(tmp_path / "executed"))
    spoils = struct.pack("!i", len(message)) + message
    with watched(Burglar(tmp_path / "key", SECRET, os.getpid(), spoils)) as source, reading(source):
        until(lambda: source.faults[StreamFault.DECODER_DIED] > 0)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    ("height", "width", "at_s"),
    [(0, 4, 1.0), (4, 0, 1.0), (2**32 - 1, 2**32 - 1, 1.0), (8192, 8192, 1.0), (4, 4, math.nan), (4, 4, math.inf)],
)
def test_a_picture_that_cannot_be_is_refused(height: int, width: int, at_s: float) -> None:
    assert MAX_BYTES < 8192 * 8192 * 3
    memory = PictureMemory.create()
    memory._map[:24] = struct.pack("<IIdQ", height, width, at_s, 1)
    with pytest.raises(ValueError, match=r"a picture of|a time"):
        memory.copied()
    memory.close()


def test_a_picture_that_says_it_is_of_another_time_ends_its_decoder(tmp_path: Path) -> None:
    """It would be taken for a face that is at the counter now, or for one that has gone."""
    (tmp_path / "diary").touch()
    with closing(Decoder(Device(tmp_path / "diary"))) as decoder:
        for ago_s in (MAX_AGE_S + 1.0, -60.0):
            decoder._memory.describe(np.zeros((4, 4, 3), np.uint8), time.monotonic() - ago_s, 1)
            with pytest.raises(DecoderDied):
                decoder.picture()
        decoder._memory.describe(np.zeros((4, 4, 3), np.uint8), time.monotonic(), 2)
        assert decoder.picture().number == 2


@pytest.mark.slow
def test_a_decoder_that_takes_memory_without_end_dies_and_another_begins(tmp_path: Path) -> None:
    (tmp_path / "diary").touch()
    with watched(Device(tmp_path / "diary", Mood.DEVOURS)) as source:
        frames = iter(source)
        while not source.faults:
            next(frames)
        next(frames)
        assert dict(source.faults) == {StreamFault.DECODER_DIED: 1}


def test_pictures_that_come_too_fast_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "diary").touch()
    with watched(Device(tmp_path / "diary", Mood.RUSHES)) as source:
        taken = list(itertools.islice(source, 30))
    assert 29 / (taken[-1].at_s - taken[0].at_s) <= 70
    assert source.dropped > 0


def endless() -> Iterator[bytes]:
    return itertools.repeat(b"\xff" * 65_536)


def gigantic() -> Iterator[bytes]:
    """Pictures of 16,000 x 16,000: 384 MB each, and 768 MB in colours that we use."""
    for number in itertools.count():
        for at, unit in enumerate((*parameters(16_000, 16_000), key_frame_of_noise())):
            yield packet(unit, 3 * number + at, number * 6000, last=at == 2)
        time.sleep(0.05)


STREAMS: dict[str, tuple[dict[str, bytes], Callable[[], Iterator[bytes]]]] = {
    "no description": (described(b""), endless),
    "a description of 2 GB": (
        SOUND
        | {"DESCRIBE": b"RTSP/1.0 200 OK\r\nCSeq: %SEQUENCE%\r\nContent-Length: 2000000000\r\n\r\n" + DESCRIPTION},
        endless,
    ),
    "a description of many streams": (described(DESCRIPTION + DESCRIPTION[DESCRIPTION.index(b"m=") :] * 2000), endless),
    "a header without end": (SOUND | {"DESCRIBE": b"RTSP/1.0 200 OK\r\nX: " + b"a" * 3_000_000}, endless),
    "noise instead of packets": (SOUND, endless),
    "noise in packets": (SOUND, lambda: (packet(os.urandom(1000), n, n * 6000) for n in itertools.count())),
    "pictures of 256 megapixels": (SOUND, gigantic),
    "a file in place of a stream": (described(DESCRIPTION.replace(b"track1", b"file:///etc/passwd")), endless),
}


@pytest.fixture(scope="module")
def sound_film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return encode(views(width=160, height=96), tmp_path_factory.mktemp("films") / "small.h264", kbit=200)


@pytest.mark.slow
def test_hostile_streams_stop_no_other_camera_and_come_to_an_end_themselves(sound_film: Path) -> None:
    """All at once beside a sound camera, in one program."""
    with ScriptedRtsp() as sound, watched(NetworkCamera(sound.address, Transport.TCP)) as good, reading(good) as frames:
        sound.packets = lambda: film(sound_film)
        until(lambda: len(frames) > 5)
        with ExitStack() as stack:
            hostile = []
            for answers, packets in STREAMS.values():
                camera = stack.enter_context(ScriptedRtsp())
                camera.answers, camera.packets = answers, packets
                bad = stack.enter_context(watched(NetworkCamera(camera.address, Transport.TCP)))
                hostile.append((bad, stack.enter_context(reading(bad))))
            until(lambda: all(bad.faults for bad, _ in hostile))
            seen = len(frames)
            until(lambda: len(frames) > seen + 5)
        assert all(frame.picture.nbytes <= MAX_BYTES for _, shown in hostile for frame in shown)
        assert not good.faults


@pytest.mark.slow
def test_a_stream_that_is_led_elsewhere_is_not_opened_there() -> None:
    """FFmpeg follows such an answer, and tells the password there, where the protocol is not refused."""
    with ScriptedRtsp() as elsewhere, ScriptedRtsp() as camera:
        moved = b"RTSP/1.0 302 Moved\r\nCSeq: %SEQUENCE%\r\nLocation: " + elsewhere.address.encode() + b"\r\n\r\n"
        camera.answers = SOUND | {"DESCRIBE": moved}
        with watched(NetworkCamera(camera.address, Transport.TCP)) as source, reading(source):
            until(lambda: source.faults[StreamFault.NOT_OPENED] > 0)
    assert ("DESCRIBE" in camera.asked, elsewhere.asked) == (True, [])


@pytest.mark.slow
def test_a_stream_in_rtsps_is_known_by_its_authority_and_not_trusted_otherwise(
    tmp_path: Path, sound_film: Path
) -> None:
    own, other = camera_certificate(tmp_path, "own"), camera_certificate(tmp_path, "other")
    with ScriptedRtsp(own.tls) as camera:
        camera.packets = lambda: film(sound_film)
        with watched(NetworkCamera(camera.address, Transport.TCP, other.certificate)) as source, reading(source):
            until(lambda: source.faults[StreamFault.NOT_OPENED] > 0)
        assert camera.asked == []
        with watched(NetworkCamera(camera.address, Transport.TCP, own.certificate)) as source:
            assert next(iter(source)).picture.shape == (96, 160, 3)


@linux
@pytest.mark.slow
def test_a_decoder_that_was_taken_over_kills_nothing_but_itself(tmp_path: Path) -> None:
    """The number 0 stands for all of its group, and a terminal's signals for its session: both are its own.

    From Linux 6.12 on, Landlock would hold the signal back too.
    """
    program = (
        "import os; from pathlib import Path; from tests.support.fakes.local_camera import Device, Mood;"
        "from cekalwatch.camera.sources.decoder import Decoder, DecoderDied;"
        "from cekalwatch.camera.sources.decoder_link import DecoderSignal\n"
        "if __name__ == '__main__':\n"
        f"    decoder = Decoder(Device(Path({str(tmp_path / 'diary')!r}), Mood.KILLS)); decoder.open()\n"
        "    try:\n"
        "        while found := decoder.next_signal(30):\n"
        "            if found is DecoderSignal.OPENED: print(os.getsid(decoder.pid) == decoder.pid)\n"
        "            if found is DecoderSignal.PICTURE: decoder.picture()\n"
        "    except DecoderDied: pass\n"
        "    decoder.close(); print(decoder.exit_code)\n"
    )
    (tmp_path / "program.py").write_text(program)
    (tmp_path / "diary").touch()
    done = subprocess.run(
        [sys.executable, tmp_path / "program.py"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        start_new_session=True,  # the tests are not in its group
    )
    assert (done.returncode, done.stdout) == (0, f"True\n{-signal.SIGKILL}\n"), done.stderr


def test_rtsps_without_an_authority_is_a_wrong_setting() -> None:
    settings = CameraSettings.load(camera_id="gate-1", source="rtsps://watcher:secret@10.0.0.7/1")
    with pytest.raises(SourceError, match="set `rtsps_authority`") as raised:
        open_source(settings.each()[0], SystemClock())
    assert "secret" not in str(raised.value)


def test_a_file_that_pretends_to_be_a_video_leads_to_no_other_machine(tmp_path: Path) -> None:
    asked: list[str] = []

    class Noting(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with http.server.HTTPServer(("127.0.0.1", 0), Noting) as elsewhere:
        threading.Thread(target=elsewhere.serve_forever, daemon=True).start()
        film_list = tmp_path / "film.m3u8"
        address = f"http://127.0.0.1:{elsewhere.server_address[1]}/piece.ts"
        film_list.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{address}\n#EXT-X-ENDLIST\n")
        settings = CameraSettings.load(camera_id="gate-1", source=str(film_list))
        with pytest.raises(SourceError):
            next(iter(open_source(settings.each()[0], SystemClock())))
        elsewhere.shutdown()
    assert asked == []

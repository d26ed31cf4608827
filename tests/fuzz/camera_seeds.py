"""What fuzzing of cameras starts from: sound answers, and streams that ffmpeg has made of a drawing.

python -m tests.fuzz.camera_seeds    # writes them to tests/fuzz/corpus
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tests.fuzz.camera_targets import ANSWERS
from tests.fuzz.seeds import drawing, store
from tests.support.fakes.onvif_device import OnvifDevice, in_envelope
from tests.support.fakes.rtsp_camera import encode
from tests.support.fakes.scripted_rtsp import DESCRIPTION, SOUND, reply

BOX = 16
"""Pixels of a side: a key frame fits into one packet."""


def onvif_seeds() -> Iterator[bytes]:
    """Give the answers of a sound camera, after the byte that tells the question."""
    device = OnvifDevice({"departures": (-0.5, 0.1, 0.2), "arrivals": (0.5, 0.1, 0.2)})
    for number, (question, _) in enumerate(ANSWERS):
        name = question.rpartition("}")[2]
        yield bytes([number]) + in_envelope(device.sound_answer(name, "preset-1")).encode()
    yield bytes([5]) + in_envelope("").encode()
    yield bytes([5]) + b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'


def rtsp_seeds() -> Iterator[bytes]:
    """Give descriptions, answers, and the packets of a picture."""
    yield b"\0" + DESCRIPTION
    yield b"\0" + DESCRIPTION.replace(b"96 H264/90000", b"96 H265/90000")
    yield b"\0" + DESCRIPTION.replace(b"RTP/AVP 96", b"RTP/AVP 26").replace(b"96 H264/90000", b"26 JPEG/90000")
    yield b"\0" + DESCRIPTION.replace(
        b"packetization-mode=1", b"packetization-mode=1;sprop-parameter-sets=Z0IACpZTBYmI,aMljiA=="
    )
    yield b"\0" + DESCRIPTION + b"m=audio 0 RTP/AVP 0\r\na=control:track2\r\n"
    for number, name in enumerate(SOUND, 1):
        yield bytes([number]) + (reply(body=DESCRIPTION) if name == "DESCRIBE" else SOUND[name])
    yield bytes([7]) + b"".join(bytes([len(unit)]) + unit for unit in _units() if len(unit) < 256)


def _units() -> Iterator[bytes]:
    """The parts of a stream of H.264: its parameters, and some pictures."""
    with tempfile.TemporaryDirectory() as folder:
        pictures = [np.asarray(drawing(side=BOX).rotate(angle)) for angle in range(0, 40, 10)]
        stream = encode(pictures, Path(folder) / "film.h264", kbit=50).read_bytes()
    for unit in stream.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")[1:]:
        if unit[0] & 31 != 6:  # what the encoder says of itself
            yield unit


def main() -> None:
    """Write them."""
    store("onvif", onvif_seeds())
    store("rtsp", rtsp_seeds())


if __name__ == "__main__":
    main()

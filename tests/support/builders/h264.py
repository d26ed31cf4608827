"""Parts of an H.264 stream that no encoder makes: parameters of any size, a key frame of noise (ITU-T H.264, 7.3)."""

from __future__ import annotations

import os
import re


class Bits:
    """Writes bits, as the standard's syntax has them."""

    def __init__(self) -> None:
        self._bits = ""

    def u(self, value: int, count: int = 1) -> Bits:
        """Unsigned, in `count` bits."""
        self._bits += f"{value:0{count}b}"
        return self

    def ue(self, *values: int) -> Bits:
        """Unsigned, Exp-Golomb."""
        for value in values:
            coded = f"{value + 1:b}"
            self._bits += "0" * (len(coded) - 1) + coded
        return self

    def unit(self, header: int, rest: bytes = b"") -> bytes:
        """The finished part: its header, the bits, their end, and what else is in it."""
        bits = self._bits + "1"
        bits += "0" * (-len(bits) % 8)
        content = int(bits, 2).to_bytes(len(bits) // 8) + rest
        # What would look like the begin of another part is broken up.
        return bytes([header]) + re.sub(rb"\0\0(?=[\0-\3])", b"\0\0\3", content)


def parameters(width: int, height: int) -> list[bytes]:
    """Sequence and picture parameters, baseline profile; `width` and `height` in pixels, multiples of 16."""
    sequence = Bits().u(66, 8).u(0, 8).u(52, 8).ue(0, 0, 0, 0, 1).u(0).ue(width // 16 - 1, height // 16 - 1)
    sequence.u(1).u(1).u(0).u(0)
    picture = Bits().ue(0, 0).u(0, 2).ue(0, 0, 0).u(0, 3).ue(0, 0, 0).u(0, 3)
    return [sequence.unit(0x67), picture.unit(0x68)]


def key_frame_of_noise(size: int = 1000) -> bytes:
    """A slice that begins a picture, and goes on with noise."""
    return Bits().ue(0, 7, 0).u(0, 4).ue(0).u(0, 4).u(0, 2).ue(0).unit(0x65, os.urandom(size))

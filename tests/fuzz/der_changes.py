"""Changes inputs that are a byte and DER by their structure: what libraries read that are not instrumented.

Nothing tells the fuzzer there which inputs come far, and it would keep the shortest. Each input here is a seed with a
few of its elements changed, with right lengths around them: it is read as far as that change.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from asn1crypto import parser

CHANGES = (1, 1, 1, 2, 4)
SEQUENCE, SET, BIT_STRING, OCTET_STRING = 16, 17, 3, 4
ODD_CONTENTS = (b"", b"\0", b"\xff", b"\x80", b"\x7f" * 9, b"\xff" * 17, b"\x30\x80", b"99991231235959Z", b"\0" * 300)
"""Empty, negative, too large, of no definite length, at the end of time, and long."""


@dataclass(frozen=True)
class Element:
    """An element of DER, with its parts if it has some."""

    kind: int
    tag: int
    content: bytes
    constructed: bool
    parts: tuple[Element, ...] = ()
    before: bytes = b""
    """What a bit string has before the DER in it."""

    def dump(self) -> bytes:
        """Return it in DER."""
        content = self.before + b"".join(one.dump() for one in self.parts) if self.parts else self.content
        return bytes(parser.emit(self.kind, int(self.constructed), self.tag, content))


def elements(content: bytes) -> tuple[Element, ...]:
    """Return the elements of `content`; raises ValueError for what is no DER."""
    found = []
    while content:
        kind, method, tag, header, inner, trailer = parser.parse(content)
        found.append(_element(kind, bool(method), tag, inner))
        content = content[len(header) + len(inner) + len(trailer) :]
    return tuple(found)


def _element(kind: int, constructed: bool, tag: int, content: bytes) -> Element:
    one = Element(kind, tag, content, constructed)
    before = b"\0" if not constructed and (kind, tag) == (0, BIT_STRING) else b""
    if not constructed and not (kind == 0 and tag in {BIT_STRING, OCTET_STRING} and content.startswith(before + b"0")):
        return one
    try:
        return replace(one, parts=elements(content.removeprefix(before)), before=before)
    except ValueError:
        return one


class DerChanges:
    """Makes inputs of seeds; the same ones for the same numbers."""

    def __init__(self, seeds: Iterable[bytes]) -> None:
        self._seeds = list(seeds)
        self._trees = [(seed[:1], elements(seed[1:])) for seed in self._seeds if _is_der(seed[1:])]
        self._known = [one for _, tree in self._trees for one in _all(tree)]

    def changed(self, data: bytes, max_bytes: int, number: int, otherwise: Callable[[bytes, int], bytes]) -> bytes:
        """Return a seed or `data` with a few elements changed; what is no DER is changed by `otherwise`."""
        draw = random.Random(number)  # noqa: S311  # no secret
        if draw.random() < 0.2:
            return otherwise(draw.choice([data, *self._seeds]), max_bytes)
        first, tree = draw.choice(self._trees)
        if _is_der(data[1:]) and draw.random() < 0.3:
            first, tree = data[:1], elements(data[1:])
        for _ in range(draw.choice(CHANGES)):
            if count := sum(1 for _ in _all(tree)):
                tree = _with(tree, draw.randrange(count), partial(self._change, draw))
        made = first + b"".join(one.dump() for one in tree)
        return made if len(made) <= max_bytes else otherwise(data, max_bytes)

    def _change(self, draw: random.Random, one: Element) -> tuple[Element, ...]:
        """Return what stands in the place of an element."""
        match draw.randrange(8 if one.parts else 12):
            case 0:
                return ()
            case 1:
                return (one,) * draw.choice([2, 3, 40])
            case 2:
                return (draw.choice(self._known),)
            case 3:
                return (one, draw.choice(self._known))
            case 4:
                return (replace(one, tag=draw.randrange(31)),)
            case 5:
                return (replace(one, kind=draw.choice([0, 2])),)
            case 6:
                return (replace(one, parts=tuple(draw.sample(one.parts, len(one.parts)))),)
            case 7:
                return (replace(one, parts=(), content=draw.choice(ODD_CONTENTS)),)
            case _:
                return (replace(one, content=_bytes_changed(draw, one.content)),)


def _bytes_changed(draw: random.Random, content: bytes) -> bytes:
    found = bytearray(content or b"\0")
    for _ in range(draw.randint(1, 3)):
        at = draw.randrange(len(found))
        placed = draw.choice([bytes([draw.randrange(256)]), b"\0", b"\xff", b"", b"\x80\x80"])
        found[at : at + draw.randint(0, 2)] = placed
        found = found or bytearray(b"\0")
    return bytes(found)


def _is_der(content: bytes) -> bool:
    try:
        return any(one.parts for one in elements(content))
    except ValueError:
        return False


def _all(tree: Sequence[Element]) -> Iterator[Element]:
    for one in tree:
        yield one
        yield from _all(one.parts)


def _with(tree: Sequence[Element], at: int, change: Callable[[Element], tuple[Element, ...]]) -> tuple[Element, ...]:
    """Return the tree with its element of that number, as `_all` counts, changed."""
    found: list[Element] = []
    for one in tree:
        size = 1 + sum(1 for _ in _all(one.parts))
        if at == 0:
            found += change(one)
        elif 0 < at < size:
            parts = _with(one.parts, at - 1, change)
            found.append(replace(one, parts=parts, content=b"" if one.parts else one.content))
        else:
            found.append(one)
        at -= size
    return tuple(found)

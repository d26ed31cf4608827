"""The server seen as rooms: the folders and loose modules directly below `cekalwatch.server`, and what these import."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import Final

from deploy.house.circles import circles
from deploy.house.source import SourceTree

FOLDER: Final = ("server", "cekalwatch", "server")
ORDERS: Final = 24
"""With how many orders the search for the best one begins."""


@dataclass(frozen=True)
class Rooms:
    """The rooms of the server of one checkout; its package and its `__main__` are none."""

    source: SourceTree

    @cached_property
    def folders(self) -> set[str]:
        """The folders."""
        return {
            room for name, room in self._rooms.items() if len(self.source.modules[name].path.parts) > len(FOLDER) + 1
        }

    @cached_property
    def loose_modules(self) -> set[str]:
        """The modules in no folder."""
        return set(self._rooms.values()) - self.folders

    @cached_property
    def arrows(self) -> Counter[tuple[str, str]]:
        """From which room into which other one modules import how many modules."""
        return Counter(
            (room, self._rooms[other])
            for name, room in self._rooms.items()
            for other in self.source.imported(self.source.modules[name], with_types=True)
            if other in self._rooms and self._rooms[other] != room
        )

    @cached_property
    def arrows_back_up(self) -> Counter[tuple[str, str]]:
        """The arrows that run up when the rooms stand in the order in which the fewest imports do.

        Only rooms that import each other, also through others, can be out of order. Of those, each room is moved to its
        best place until no move helps, beginning with ORDERS drawn orders, which are the same in each run.
        """
        circle = [sorted(group) for group in circles(self._graph)]
        return sum((self._back(self._ordered(group)) for group in circle), start=Counter[tuple[str, str]]())

    @cached_property
    def _rooms(self) -> dict[str, str]:
        """The room of each module of the server."""
        found = {}
        for name, module in self.source.modules.items():
            room = module.path.parts[len(FOLDER) : len(FOLDER) + 1]
            if module.path.parts[: len(FOLDER)] == FOLDER and room not in {("__init__.py",), ("__main__.py",)}:
                found[name] = room[0].removesuffix(".py")
        return found

    @property
    def _graph(self) -> dict[str, set[str]]:
        graph = {room: set[str]() for room in self._rooms.values()}
        for room, other in self.arrows:
            graph[room].add(other)
        return graph

    def _ordered(self, rooms: list[str]) -> list[str]:
        drawn = Random(0)  # noqa: S311  # nothing depends on its being unforeseeable
        return min((self._improved(drawn.sample(rooms, len(rooms))) for _ in range(ORDERS)), key=self._cost)

    def _improved(self, order: list[str]) -> list[str]:
        before = self._cost(order) + 1
        while self._cost(order) < before:
            before = self._cost(order)
            for room in sorted(order):
                others = [one for one in order if one != room]
                places = ([*others[:place], room, *others[place:]] for place in range(len(order)))
                order = min((order, *places), key=self._cost)
        return order

    def _cost(self, order: Sequence[str]) -> int:
        return self._back(order).total()

    def _back(self, order: Sequence[str]) -> Counter[tuple[str, str]]:
        place = {room: number for number, room in enumerate(order)}
        back = {(a, b): count for (a, b), count in self.arrows.items() if place.get(a, -1) > place.get(b, len(place))}
        return Counter(back)

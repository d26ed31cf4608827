"""Finds circles in a graph of imports."""

from __future__ import annotations

from collections.abc import Mapping


def circles(imported: Mapping[str, set[str]]) -> list[list[str]]:
    """Return the strongly connected components of more than one module, by Tarjan's algorithm."""
    order = dict[str, int]()
    lowest = dict[str, int]()
    path = list[str]()
    found = list[list[str]]()

    def visit(name: str) -> None:
        order[name] = lowest[name] = len(order)
        path.append(name)
        for other in sorted(imported[name]):
            if other not in order:
                visit(other)
                lowest[name] = min(lowest[name], lowest[other])
            elif other in path:
                lowest[name] = min(lowest[name], order[other])
        if lowest[name] == order[name]:
            begin = path.index(name)
            if len(path) - begin > 1:
                found.append(sorted(path[begin:]))
            del path[begin:]

    for name in sorted(imported):
        if name not in order:
            visit(name)
    return found

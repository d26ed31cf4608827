"""Photographs on a web server, by their addresses."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from cekalwatch.server.domain.errors import Code
from cekalwatch.server.watchlist.imports.records import Photograph
from cekalwatch.server.watchlist.sources.mapping import PhotographPlace
from cekalwatch.server.watchlist.sources.source import SourceUnavailable
from cekalwatch.server.watchlist.sources.web.client import TemporaryFailure, WebAddressError, WebAnswer, WebClient
from cekalwatch.wire.bounds import MAX_PHOTO_BYTES

CACHE_BYTES: Final = 32_000_000
"""Cache for photographs that are likely to be read again: several orders of a person name the same ones."""


class WebPhotographs:
    """Photographs by address. One that is too large is not read to its end; one that has not changed is not sent."""

    def __init__(self, client: WebClient, *, ask_versions: bool) -> None:
        """`ask_versions`: ask the server about photographs whose row has no version."""
        self._client = client
        self._ask_versions = ask_versions
        self._remembered: OrderedDict[str, tuple[str, bytes]] = OrderedDict()

    def version(self, place: PhotographPlace) -> str:
        """Return the version in the row, or what the server says."""
        if place.version or not self._ask_versions:
            return place.version
        try:
            answer = self._client.ask("HEAD", place.address, most_bytes=0)
        except WebAddressError:
            return "elsewhere"
        except TemporaryFailure as error:
            return str(_status_of_photograph(error))
        return f"{answer.status} {answer.version}"

    def load(self, place: PhotographPlace) -> Photograph:
        """Return the photograph, or the problem with it."""
        etag, known = self._remembered.get(place.address, ("", b""))
        try:
            answer = self._client.ask("GET", place.address, most_bytes=MAX_PHOTO_BYTES, etag=etag)
        except WebAddressError:
            return Photograph(place.name, problem=Code.PHOTO_UNREADABLE)
        except TemporaryFailure as error:
            _status_of_photograph(error)
            return Photograph(place.name, problem=Code.PHOTO_UNREADABLE)
        if answer.status == 304 and known:
            self._remembered.move_to_end(place.address)
            return Photograph(place.name, known)
        if answer.status == 401:
            raise SourceUnavailable("The server of the photographs does not let us in any more: check token_from")
        if problem := _problem(answer):
            return Photograph(place.name, problem=problem)
        self._remember(place.address, answer)
        return Photograph(place.name, answer.body)

    def _remember(self, address: str, answer: WebAnswer) -> None:
        if (etag := answer.headers.get("etag")) and len(answer.body) <= CACHE_BYTES // 8:
            self._remembered[address] = (etag, answer.body)
            self._remembered.move_to_end(address)
            while sum(len(body) for _, body in self._remembered.values()) > CACHE_BYTES:
                self._remembered.popitem(last=False)


def _status_of_photograph(error: TemporaryFailure) -> int:
    """Return the status of an error that may concern this photograph only; raises `error` if the server itself fails.

    A file that its server never sends completely must not block the rest of the list.
    """
    if error.status not in {200, 500}:
        raise error
    return error.status


def _problem(answer: WebAnswer) -> Code | None:
    if answer.status in {404, 410}:
        return Code.PHOTO_MISSING
    if answer.status != 200:
        return Code.PHOTO_UNREADABLE
    return Code.PHOTO_TOO_LARGE if answer.too_large else None

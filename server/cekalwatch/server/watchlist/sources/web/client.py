"""A web client over verified TLS: bounded in time and bytes, with retries, and never redirected to another host.

With a token it is not redirected at all."""

from __future__ import annotations

import ssl
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin, urlsplit

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from cekalwatch.server.concurrency.answer_deadline import AnswerDeadline
from cekalwatch.server.foundation.errors import Code
from cekalwatch.server.watchlist.imports.records import Photograph
from cekalwatch.server.watchlist.sources.mapping import PhotographPlace
from cekalwatch.server.watchlist.sources.secrets import read_secret
from cekalwatch.server.watchlist.sources.settings import WebAccess
from cekalwatch.server.watchlist.sources.source import SourceUnavailable
from cekalwatch.wire.bounds import MAX_PHOTO_BYTES
from cekalwatch.wire.tls import TlsError, require_private

MAX_REDIRECTS: Final = 3
MAX_PAUSE_S: Final = 60.0
SLOWEST_FACTOR: Final = 10
"""A whole answer may take this many times `timeout_seconds`."""
_TEMPORARY = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses after which the same request may succeed."""


class TemporaryFailure(SourceUnavailable):
    """A failure that may be over later; retries did not help."""

    def __init__(self, message: str, status: int = 0, pause_s: float = 0.0) -> None:
        """`status`: of the answer, 0 if there was none. `pause_s`: how long the server asks to wait."""
        super().__init__(message)
        self.status = status
        self.pause_s = pause_s


class WebAddressError(Exception):
    """An address that is not on the configured server."""


@dataclass(frozen=True)
class WebAnswer:
    """A complete answer."""

    status: int
    headers: Mapping[str, str]
    """Names are case-insensitive."""
    body: bytes
    too_large: bool = False
    """Whether it exceeded the bound; the body is empty then."""

    @property
    def version(self) -> str:
        """A text that changes with the content: ETag, or time and size; empty if the server gives neither."""
        return self.headers.get("etag") or "".join(
            self.headers.get(name, "")
            for name in ("last-modified", "content-length")
            if "last-modified" in self.headers
        )


class WebClient:
    """A client of one server. Methods block, and raise SourceUnavailable; one thread at a time."""

    def __init__(self, access: WebAccess, address: str) -> None:
        """Only addresses with the scheme, host and port of `address` are allowed. Raises SourceUnavailable."""
        self._access = access
        self._address = address
        self._deadline = AnswerDeadline()
        headers = {"accept-encoding": "identity", "user-agent": "cekalwatch"}
        if token := read_secret(access.token_from):
            headers["authorization"] = f"Bearer {token}"
        self._http = httpx.Client(
            timeout=access.timeout_seconds,
            follow_redirects=False,
            trust_env=False,
            verify=_verification(access),
            headers=headers,
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def resolved(self, address: str) -> str:
        """Return the absolute form of an address; raises WebAddressError for another server."""
        try:
            whole = urljoin(self._address, address)
            same = _origin(whole) == _origin(self._address)
        except ValueError:
            same = False
        if not same:
            raise WebAddressError("is on another server")
        return whole

    def ask(
        self, method: str, address: str, *, most_bytes: int, parameters: Mapping[str, str] | None = None, etag: str = ""
    ) -> WebAnswer:
        """Send GET or HEAD, with retries, and return the answer; raises SourceUnavailable or WebAddressError.

        A lasting status is returned like any other; 304 means that the content with `etag` is still current.
        """
        url = str(httpx.URL(self.resolved(address), params=dict(parameters)) if parameters else self.resolved(address))
        headers = {"if-none-match": etag} if etag else {}
        tries = Retrying(
            stop=stop_after_attempt(self._access.attempts),
            retry=retry_if_exception_type(TemporaryFailure),
            wait=self._pause,
            reraise=True,
        )
        return tries(self._followed, method, url, headers, most_bytes)

    def _pause(self, state: RetryCallState) -> float:
        usual = wait_random_exponential(self._access.back_off_seconds, MAX_PAUSE_S)(state)
        error = state.outcome.exception() if state.outcome else None
        wanted = error.pause_s if isinstance(error, TemporaryFailure) else 0.0
        return max(usual, min(wanted, MAX_PAUSE_S))

    def _followed(self, method: str, url: str, headers: dict[str, str], most_bytes: int) -> WebAnswer:
        for _ in range(MAX_REDIRECTS + 1):
            answer = self._once(method, url, headers, most_bytes)
            if answer.status not in {301, 302, 303, 307, 308} or "authorization" in self._http.headers:
                return answer
            url = self.resolved(urljoin(url, answer.headers.get("location", "")))
        raise SourceUnavailable(f"{self._address} leads from one address to another without end")

    def _once(self, method: str, url: str, headers: dict[str, str], most_bytes: int) -> WebAnswer:
        status, place = 0, self._address
        longest = self._access.timeout_seconds * SLOWEST_FACTOR
        ends = time.monotonic() + longest
        try:
            with (
                self._deadline.within(longest),
                self._http.stream(method, url, headers=headers, extensions={"trace": self._deadline.trace}) as response,
            ):
                status, told = response.status_code, response.headers
                if status in _TEMPORARY:
                    raise TemporaryFailure(
                        f"{place} answers {status}: ask those who run it", status, _number(told.get("retry-after"))
                    )
                if told.get("content-encoding", "identity") != "identity":
                    raise SourceUnavailable(f"{place} sends compressed content, though none was asked for")
                return self._whole(response, most_bytes, ends)
        except httpx.TimeoutException:
            raise TemporaryFailure(
                f"{place} does not answer in {self._access.timeout_seconds:g} s: see whether it runs"
            ) from None
        except httpx.RemoteProtocolError:
            raise TemporaryFailure(f"{place} ends its answer before all of it has come", status) from None
        except httpx.TransportError as error:
            if why := _certificate_fault(error):
                raise SourceUnavailable(f"{place} {why}") from None
            raise TemporaryFailure(f"{place} cannot be reached, or broke off ({type(error).__name__})") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise SourceUnavailable(f"{place} cannot be asked ({type(error).__name__})") from None

    def _whole(self, response: httpx.Response, most_bytes: int, ends: float) -> WebAnswer:
        body = bytearray()
        too_large = response.request.method != "HEAD" and _number(response.headers.get("content-length")) > most_bytes
        for chunk in () if too_large else response.iter_raw():
            body += chunk
            if too_large := len(body) > most_bytes:
                body.clear()
                break
            if time.monotonic() > ends:
                raise TemporaryFailure(f"{self._address} is too slow: an answer was not complete in time")
        return WebAnswer(response.status_code, response.headers, bytes(body), too_large)


def _verification(access: WebAccess) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=str(access.authorities) if access.authorities else None)
        if access.client_tls:
            key = access.client_tls / "key.pem"
            require_private(key)
            context.load_cert_chain(access.client_tls / "certificate.pem", key, password="")
    except TlsError as error:
        raise SourceUnavailable(str(error)) from None
    except (OSError, ssl.SSLError) as error:
        why = error.reason if isinstance(error, ssl.SSLError) and error.reason else error.strerror or "not PEM"
        raise SourceUnavailable(
            f"The certificates of access.authorities or access.client_tls do not work: {why}"
        ) from None
    return context


def _origin(url: str) -> tuple[str, str | None, int]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)


def _certificate_fault(error: BaseException | None) -> str:
    """Return why a certificate was refused, by either side, from anywhere in `error`; empty if none was."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"shows no certificate that can be trusted: {error.verify_message or 'not verified'}"
        if isinstance(error, ssl.SSLError) and error.reason and "ALERT" in error.reason:
            return f"does not let us in ({error.reason.lower().replace('_', ' ')}): check access.client_tls"
        error = error.__cause__ or error.__context__
    return ""


def _number(text: str | None) -> float:
    return float(text) if text and text.isascii() and text.isdigit() else 0.0


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
    """Return the status of an error that may affect only this photograph; raises `error` if the server itself fails.

    A file that the server never sends completely must not block the rest of the list.
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

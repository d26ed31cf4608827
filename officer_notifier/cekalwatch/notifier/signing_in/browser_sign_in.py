"""Lets a person prove at the identity provider, in the browser of this PC, who they are. It knows no windows."""

from __future__ import annotations

import webbrowser
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeVar

import grpc

from cekalwatch.contract.values.people import ProviderFacts
from cekalwatch.notifier.signing_in.loopback import LoopbackListener, NoAnswerError
from cekalwatch.office.client.provider_visit import ProviderVisit, end_address
from cekalwatch.office.client.session_client import Password, Proof, SessionClient
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.translations import Texts
from cekalwatch.wire.address import AddressError, safe_url

LASTS_S: Final = 300.0
"""How long the person may take in the browser."""

Proven = TypeVar("Proven")
ASKING_S: Final = 4.0
"""How long the server may take to say whether there is a provider: people can enter a password meanwhile."""
OpenBrowser = Callable[[str], bool]
"""Opens an address in the browser; returns whether it could."""


class Prover(Protocol):
    """A way in which a person proves who they are."""

    def prove(self, use: Callable[[Proof], Proven]) -> Proven:
        """Return what `use` makes of the proof at the server; blocks. Raises grpc.RpcError and ProgramError."""


@dataclass(frozen=True)
class TypedPassword:
    """By name and password, as they were typed."""

    password: Password

    def prove(self, use: Callable[[Proof], Proven]) -> Proven:
        return use(self.password)


def offered(sessions: SessionClient) -> ProviderFacts | None:
    """Return the provider where people can sign in on this PC; None: with passwords only. Raises grpc.RpcError."""
    provider = sessions.provider(with_endpoints=False, deadline_s=ASKING_S)
    return provider if provider and provider.native else None


@dataclass(eq=False)
class BrowserSignIn:
    """One person's way to the provider and back. `prove` blocks; `cancel` ends it from another thread."""

    sessions: SessionClient
    texts: Texts
    open_browser: OpenBrowser = webbrowser.open
    _listener: LoopbackListener | None = field(init=False, default=None)
    _cancelled: bool = field(init=False, default=False)

    def prove(self, use: Callable[[Proof], Proven]) -> Proven:
        say, provider = self.texts.say, self.sessions.provider(with_endpoints=True)
        if provider is None or not provider.native:
            raise ProgramError(say("PROVIDER_GONE"), Exit.REFUSED)
        try:
            listener = LoopbackListener(self.texts)
        except OSError as error:
            raise ProgramError(say("BROWSER_NO_PORT", reason=error.strerror or "?"), Exit.UNAVAILABLE) from None
        with listener:
            self._listener = listener
            if self._cancelled:
                listener.cancel()
            visit = ProviderVisit(provider, listener.redirect_uri)
            if not self.open_browser(for_browser(visit.address(listener.state, self.texts.language), self.texts)):
                raise ProgramError(say("BROWSER_MISSING"), Exit.UNAVAILABLE)
            try:
                answer = listener.wait(LASTS_S)
            except NoAnswerError:
                raise ProgramError(say("PROVIDER_TOO_LATE", provider=provider.host), Exit.REFUSED) from None
            problem = visit.refusal(answer, self.texts)
            try:
                if problem:
                    raise ProgramError(problem, Exit.REFUSED)
                proven = use(visit.proof(answer))
            except (grpc.RpcError, ProgramError) as error:
                words = visit.explain(error, self.texts)
                listener.conclude(say("BROWSER_NOT_IN"), words)
                raise ProgramError(words, Exit.REFUSED) from None
            listener.conclude(say("BROWSER_IN"), say("BROWSER_RETURN"))
            return proven

    def cancel(self) -> None:
        self._cancelled = True
        if self._listener:
            self._listener.cancel()


def end_at_provider(sessions: SessionClient, texts: Texts, open_browser: OpenBrowser = webbrowser.open) -> None:
    """Let the browser end the provider's own session, where there is such a page; nothing fails because of it."""
    with suppress(grpc.RpcError, ProgramError):
        provider = sessions.provider(with_endpoints=True)
        if provider and (address := end_address(provider, texts.language)):
            open_browser(for_browser(address, texts))


def for_browser(address: str, texts: Texts) -> str:
    """Return an address that a browser may open; raises ProgramError.

    The server names it, and a system opens many things: files, programs, other computers' folders.
    """
    with suppress(AddressError):
        if address.isascii() and address.isprintable() and " " not in address:
            return safe_url(address)
    raise ProgramError(texts.say("BROWSER_UNSAFE"), Exit.REFUSED)

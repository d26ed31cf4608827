"""Can people sign in here through an identity provider, and what must be registered there? For the `check` commands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import grpc

from cekalwatch.contract.values.people import ProviderFacts
from cekalwatch.office.client.refusals import error_reason
from cekalwatch.office.client.service_client import NoToken
from cekalwatch.office.client.session_client import SessionClient
from cekalwatch.program.checks.results import CheckVerdict, Judged
from cekalwatch.program.errors import ProgramError
from cekalwatch.wire.dialer import Dialer

ANSWER_S: Final = 12.0
"""The server gives the provider 10 s."""


def judge_provider(dialer: Callable[[], Dialer], registered: Callable[[ProviderFacts], str]) -> Judged:
    """Let the server ask its provider; `registered` says which addresses must be known there."""
    try:
        provider = SessionClient(dialer(), NoToken()).provider(with_endpoints=True, deadline_s=ANSWER_S)
        addresses = registered(provider) if provider else ""
    except ProgramError as error:
        return CheckVerdict.FAIL, str(error)
    except grpc.RpcError as error:
        if error_reason(error) == "PROVIDER_UNAVAILABLE":
            return CheckVerdict.FAIL, "the server does not reach its identity provider: see `cekalwatch-server check`"
        if error.code() is grpc.StatusCode.UNIMPLEMENTED:
            return CheckVerdict.WARN, "the server is older than this program: people sign in with passwords"
        return CheckVerdict.WARN, "not known: the server does not say"
    if provider is None:
        return CheckVerdict.OK, "none: people sign in with passwords"
    return CheckVerdict.OK, f"{provider.issuer}; redirect URIs of {provider.client_id} there: {addresses}"

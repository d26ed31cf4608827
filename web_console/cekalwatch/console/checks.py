"""Is all in order with this console? A function for each part: its verdict, and what to do. Nothing is changed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from cekalwatch.console.pages.signing_in.provider import AFTERWARDS
from cekalwatch.console.settings import ConsoleSettings
from cekalwatch.contract.values.people import ProviderFacts
from cekalwatch.office.client.provider_check import judge_provider
from cekalwatch.office.client.provider_visit import BACK
from cekalwatch.program.checks.certificate import check_certificate
from cekalwatch.program.checks.machine import check_clock_set, check_settings
from cekalwatch.program.checks.results import CheckResult, CheckVerdict, Judged
from cekalwatch.program.checks.server import check_server
from cekalwatch.program.errors import ProgramError
from cekalwatch.program.settings import LoadedSettings
from cekalwatch.program.web_serving import web_context
from cekalwatch.wire.identity import DeviceRole


def check_installation(loaded: LoadedSettings[ConsoleSettings], now: datetime) -> Iterator[CheckResult]:
    """Yield the results as they come; waits at most some seconds for each server."""
    settings = loaded.values
    yield CheckResult("settings", *check_settings(loaded))
    yield CheckResult("clock", *check_clock_set())
    yield CheckResult("certificate", *check_certificate(settings.tls_dir, DeviceRole.CONSOLE, settings.name, now))
    yield CheckResult("pages", *check_pages(settings))
    if settings.metrics_listen:
        yield CheckResult("metrics", CheckVerdict.OK, f"for Prometheus on this machine, at {settings.metrics_listen}")
    for address in settings.server_addresses:
        yield CheckResult("server", *check_server(address, settings.tls_dir))
    yield CheckResult("identity provider", *check_provider(settings))


def check_provider(settings: ConsoleSettings) -> Judged:
    """Check whether people can sign in through an identity provider, and what must be registered there."""

    def registered(provider: ProviderFacts) -> str:
        back, afterwards = (", ".join(f"{one}{path}" for one in settings.addresses) for path in (BACK, AFTERWARDS))
        return f"{back}; after signing out: {afterwards}" if provider.end_session_endpoint else back

    return judge_provider(settings.dialer, registered)


def check_pages(settings: ConsoleSettings) -> Judged:
    """Check that the pages can be served, and under which names."""
    try:
        tls = settings.web_tls
        if tls is None:
            return CheckVerdict.WARN, f"in plaintext at {settings.listen}, for browsers on this machine only"
        web_context(tls)
    except ProgramError as error:
        return CheckVerdict.FAIL, str(error)
    return CheckVerdict.OK, f"at {settings.listen}, called {', '.join(settings.allowed_hosts)}; open {settings.address}"

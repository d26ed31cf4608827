"""Is everything in order with this PC? A function for each part: its verdict, and what to do. Nothing is changed."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from datetime import datetime

from cekalwatch.notifier.desktop.autostart import entries
from cekalwatch.notifier.settings import NotifierSettings
from cekalwatch.program.checks.certificate import check_certificate, identity_of, read_certificate
from cekalwatch.program.checks.machine import check_clock_set, check_disk, check_settings
from cekalwatch.program.checks.results import CheckResult, CheckVerdict, Judged
from cekalwatch.program.checks.server import check_server
from cekalwatch.program.settings import LoadedSettings
from cekalwatch.wire.identity import DeviceRole


def check_installation(loaded: LoadedSettings[NotifierSettings], now: datetime) -> Iterator[CheckResult]:
    """Yield the results as they come; waits at most some seconds for each server."""
    settings = loaded.values
    yield CheckResult("settings", *check_settings(loaded))
    yield CheckResult("disk", *check_disk(settings.state_dir, "what was shown on this PC cannot be recorded"))
    yield CheckResult("clock", *check_clock_set())
    judged = check_certificate(settings.tls_dir, DeviceRole.NOTIFIER, settings.agent_id, now)
    yield CheckResult("certificate", *judged)
    if judged[0] is CheckVerdict.OK and settings.site:
        yield CheckResult("site", *check_site(settings))
    for address in settings.server_addresses:
        yield CheckResult("server", *check_server(address, settings.tls_dir))
    yield CheckResult("windows", *check_windows())


def check_site(settings: NotifierSettings) -> Judged:
    """Check that the wanted alerts are of the site of this PC. Its certificate can be read."""
    own = identity_of(read_certificate(settings.tls_dir)).site
    if own != settings.site:
        return CheckVerdict.FAIL, f"`site` is {settings.site}, and this PC is one of {own}: no alert would come"
    return CheckVerdict.OK, own


def check_windows() -> Judged:
    """Check that the windows can be shown, and that they start when the officer signs in on the PC."""
    if importlib.util.find_spec("PySide6") is None:
        return (
            CheckVerdict.WARN,
            "not installed, there is only the console: install the extra `desktop` (docs/install.md)",
        )
    if not all(file.exists() for file in entries(())):
        return CheckVerdict.WARN, "they do not come by themselves after sign-in on this PC: cekalwatch-notifier install"
    return CheckVerdict.OK, "they come when the officer signs in on this PC"

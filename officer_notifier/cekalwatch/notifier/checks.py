"""Is everything in order with this PC? A function for each part: its verdict, and what to do. Nothing is changed."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from datetime import datetime

from cekalwatch.notifier.desktop.autostart import autostart
from cekalwatch.notifier.settings import NotifierSettings
from cekalwatch.notifier.signing_in.loopback import HOST
from cekalwatch.office.client.provider_check import judge_provider
from cekalwatch.office.client.provider_visit import BACK
from cekalwatch.program.checks.certificate import check_certificate, identity_of, read_certificate
from cekalwatch.program.checks.machine import check_clock_set, check_disk, check_secrets, check_settings
from cekalwatch.program.checks.results import CheckResult, CheckVerdict, Judged
from cekalwatch.program.checks.server import check_server
from cekalwatch.program.platform.log_file import log_file
from cekalwatch.program.settings import LoadedSettings
from cekalwatch.wire.identity import DeviceRole
from cekalwatch.wire.tls import TlsFiles

LIBRARIES = ("PySide6.QtWidgets", "PySide6.QtNetwork", "PySide6.QtSvg", "grpc", "cryptography")
QUESTIONS = (
    "As an officer without administrator's rights, let an exercise ring: did the window come, and was the sound heard?",
    "Screens at 100, 125, 150 and 200 %, two with different ones, a session by RDP: is every text and button whole?",
    "F5 to F9 and Ctrl+Z at an alert, with an Indonesian and an English keyboard: did each do what its button says?",
    "Do the taskbar, the Task Manager and notifications say Cekalwatch, with its icon?",
    "A profile with a non-ASCII name: did the agent start at sign-in?",
)
"""What a person sees on a real PC only."""


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
    secrets = {"the key": TlsFiles(settings.tls_dir).key, "the record": settings.inbox_path}
    yield CheckResult("secrets", *check_secrets(secrets | {"the session": settings.session_path}))
    served = [CheckResult("server", *check_server(one, settings.tls_dir)) for one in settings.server_addresses]
    yield from served
    if any(one.verdict is CheckVerdict.OK for one in served):
        yield CheckResult("identity provider", *check_provider(settings))
    yield CheckResult("windows", *check_windows())
    if file := log_file("cekalwatch-notifier"):
        yield CheckResult("log", CheckVerdict.OK, f"that of the windows is in {file}")


def check_site(settings: NotifierSettings) -> Judged:
    """Check that the wanted alerts are of the site of this PC. Its certificate can be read."""
    own = identity_of(read_certificate(settings.tls_dir)).site
    if own != settings.site:
        return CheckVerdict.FAIL, f"`site` is {settings.site}, and this PC is one of {own}: no alert would come"
    return CheckVerdict.OK, own


def check_provider(settings: NotifierSettings) -> Judged:
    """Check whether people can sign in on this PC through the office's identity provider, which the server asks."""
    return judge_provider(settings.dialer, lambda _: f"http://{HOST}{BACK} with any port")


def check_windows() -> Judged:
    """Check that the windows can be shown, and that they start when the officer signs in on the PC."""
    if importlib.util.find_spec("PySide6") is None:
        return (
            CheckVerdict.WARN,
            "not installed, there is only the console: install the extra `desktop` (docs/install.md)",
        )
    if not autostart(()).is_there:
        how = "cekalwatch-notifier install; on Windows, Startup apps in the Task Manager may have turned them off"
        return CheckVerdict.WARN, f"they do not come by themselves after sign-in on this PC: {how}"
    return CheckVerdict.OK, "they come when the officer signs in on this PC"

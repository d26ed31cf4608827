"""All checks, in the order in which a person would fix what they find."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from cekalwatch.program.checks.machine import check_clock_set, check_disk, check_settings
from cekalwatch.program.checks.results import CheckResult, CheckVerdict, Judged
from cekalwatch.program.errors import ProgramError
from cekalwatch.program.settings import LoadedSettings
from cekalwatch.server.health.checks.data import check_backup, check_data
from cekalwatch.server.health.checks.devices import check_devices
from cekalwatch.server.health.checks.network import check_enrolment, check_listen, check_metrics, other_places
from cekalwatch.server.health.checks.secrets import (
    check_audit_key,
    check_authority,
    check_folder,
    check_server_certificate,
)
from cekalwatch.server.recognition.packs.installed import load_named
from cekalwatch.server.settings.settings import ServerSettings


def check_installation(loaded: LoadedSettings[ServerSettings], now: datetime) -> Iterator[CheckResult]:
    """Yield each result as soon as it is there; each takes some seconds at most."""
    settings = loaded.values
    yield CheckResult("settings", *check_settings(loaded))
    yield CheckResult("folder", *check_folder(settings))
    yield CheckResult("disk", *check_disk(settings.data_dir, "nothing can be recorded when it is full"))
    yield CheckResult("clock", *check_clock_set())
    yield CheckResult("authority", *_or_failure(lambda: check_authority(settings, now)))
    yield CheckResult("certificate", *check_server_certificate(settings, now))
    yield from check_data(settings, now)
    yield CheckResult("audit key", *_or_failure(lambda: check_audit_key(settings)))
    yield CheckResult("backup", *check_backup(settings, now))
    yield CheckResult("model pack", *_or_failure(lambda: _check_pack(settings)))
    yield from check_devices(settings, now)
    yield CheckResult("server", *_or_failure(lambda: check_listen(settings)))
    yield CheckResult("enrolment", *check_enrolment(settings))
    yield CheckResult("metrics", *check_metrics(settings))
    for subject, judged in other_places(settings):
        yield CheckResult(subject, *judged)


def _check_pack(settings: ServerSettings) -> Judged:
    pack = load_named(settings.models_path, settings.model_pack)
    return CheckVerdict.OK, f"{pack.name} ({pack.model_version}) in {pack.folder}"


def _or_failure(look: Callable[[], Judged]) -> Judged:
    """Return the result, or a failure with the reason why there is none."""
    try:
        return look()
    except ProgramError as error:
        return CheckVerdict.FAIL, str(error)

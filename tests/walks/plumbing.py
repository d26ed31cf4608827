"""What is left out of the four walks: modules that every call needs, and that say nothing of where data goes."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Final

PLUMBING: Final = {
    "the generated contract, and what reads its fields": (
        "v1.*",
        "contract.engine.*",
        "contract.codec.converters",
    ),
    "loops, logs, traces, confined processes": ("program.*",),
    "connections, certificates and waits": (
        "wire.*",
        "server.transport.*",
        "office.client.refusals",
        "office.client.service_client",
    ),
    "cryptography: keys, seals and MACs of rows": (
        "server.encryption.*",
        "server.storage.integrity.*",
        "server.storage.keys.*",
    ),
    "sessions and rights": (
        "server.auth.*",
        "server.pki.*",
        "server.grpc_api.authentication",
        "server.grpc_api.errors",
        "server.grpc_api.open_calls",
        "server.grpc_api.requests",
        "server.grpc_api.server",
    ),
    "the audit trail": ("server.audit.*", "server.storage.audit.*"),
    "metrics and health": (
        "server.health.*",
        "server.foundation.probes",
        "server.capture.chain_probe",
        "server.capture.database_health",
        "server.storage.alerts.write_probe",
        "camera.statistics",
        "camera.view.*",
    ),
    "what is said of travellers whose face is not sent": ("camera.detection.travellers", "vision.covering"),
    "exercises, which end where a real alert comes": ("server.storage.exercises.*",),
    "servers of one database": ("server.cluster.*", "server.storage.cluster.*"),
    "the connection to the database": (
        "server.storage.database",
        "server.storage.connecting",
        "server.storage.columns",
        "server.storage.availability",
        "server.storage.queries",
        "server.storage.row_codec",
    ),
    "queues and turns": ("server.concurrency.*",),
    "clocks": ("*.clock",),
    "bookkeeping of synchronisations": (
        "server.storage.sync.*",
        "server.watchlist.sync.findings",
        "server.watchlist.imports.reports",
        "server.watchlist.freshness",
    ),
    "what every window is made of, and the windows beside the one of the alert": (
        "notifier.locale.texts",
        "notifier.desktop.idle_lock",
        "notifier.desktop.widgets.elements",
        "notifier.desktop.widgets.placeholders",
        "notifier.desktop.widgets.watch_line",
        "notifier.desktop.windows.alert_table",
        "notifier.desktop.windows.tray",
        "notifier.desktop.windows.alarm_window",
        "notifier.desktop.windows.today_window",
        "notifier.desktop.windows.supervisor_window",
        "notifier.desktop.alarm_controller",
        "office.locale.alarm_formatting",
        "office.client.background_thread",
    ),
    "how a program is put together, and its settings": (
        "server.app",
        "camera.camera",
        "server.wiring.*",
        "server.settings.*",
        "*.settings",
    ),
    "values without work of their own": (
        "contract.values.*",
        "server.domain.captures",
        "server.domain.checkpoints",
        "server.domain.presence",
        "server.domain.subjects",
        "server.domain.syncs",
        "server.domain.versions",
        "server.domain.orders.ban_order",
        "server.domain.alerts.alert",
        "server.domain.alerts.handling",
        "server.domain.alerts.match",
        "server.grpc_api.messages",
        "vision.faces",
        "camera.outbox.item",
    ),
}
"""Patterns of names below `cekalwatch`, by what they do."""


def counts(module: str) -> bool:
    """Whether a module is one of ours, and no plumbing."""
    ours, _, name = module.partition(".")
    patterns = (pattern for group in PLUMBING.values() for pattern in group)
    return ours == "cekalwatch" and not any(fnmatchcase(name, pattern) for pattern in patterns)

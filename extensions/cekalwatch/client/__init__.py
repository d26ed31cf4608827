"""The client library for other systems of an office: typed calls to a Cekalwatch server, and its stream of alerts.

    with Client("cekal.batam.local:50051", tls_dir="/etc/duty-room/tls", name="duty-room") as client:
        for event in client.alerts():
            ...

docs/client.md explains it.
"""

from cekalwatch.client.alert_stream import AlertStream
from cekalwatch.client.client import Client
from cekalwatch.client.errors import (
    CallError,
    ChangedMeanwhileError,
    InvalidRequestError,
    NotAllowedError,
    NotFoundError,
    ServerFaultError,
    SetUpError,
    SignInNeededError,
    TooManyCallsError,
    UnreachableError,
)
from cekalwatch.client.list_import import ListImport
from cekalwatch.office.client.subscription import Start

__all__ = [
    "AlertStream",
    "CallError",
    "ChangedMeanwhileError",
    "Client",
    "InvalidRequestError",
    "ListImport",
    "NotAllowedError",
    "NotFoundError",
    "ServerFaultError",
    "SetUpError",
    "SignInNeededError",
    "Start",
    "TooManyCallsError",
    "UnreachableError",
]

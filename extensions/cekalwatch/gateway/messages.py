"""What the gateway answers. The types have no place for a name, a picture, a score or a value of a list."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field

from cekalwatch.client.list_import import ListImport
from cekalwatch.contract.values.alarms import Alarm
from cekalwatch.contract.values.alerts import AlertEvent
from cekalwatch.contract.values.imports import RecordReport

MAX_NUMBER: Final = 2**53 - 1
"""Of an event; what every reader of JSON keeps exactly."""


class _Told(BaseModel):
    @classmethod
    def told(cls, one: object, **own: object) -> Self:
        """Return a value as a message: the fields of the same name, and `own`."""
        return cls.model_validate({name: getattr(one, name) for name in cls.model_fields if name not in own} | own)


class Problem(BaseModel):
    """An error (RFC 9457)."""

    type: str = Field(description="Always about:blank; `code` says what it is.")
    title: str = Field(description="What is wrong.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What to do.")
    code: str = Field(description="A code of the server's error catalogue, or of the gateway.")


class Alert(_Told):
    """An alert as it stands: a possible match, and not a hit."""

    alert_id: str
    state: str | None = Field(description="None: one that only a newer server knows.")
    version: int
    site: str
    counter: str
    camera_id: str
    direction: str
    raised_at: datetime
    captured_at: datetime
    late: bool = Field(description="Whether the traveller may be gone.")


class Event(_Told):
    """Something that happened to an alert."""

    sequence: int = Field(description="Its number, ascending; a cursor.")
    type: str | None = Field(description="None: one that only a newer server knows.")
    occurred_at: datetime | None
    alert: Alert

    @classmethod
    def of(cls, event: AlertEvent) -> Event:
        """Return the answer about an event."""
        alert, camera = event.alert, event.alert.camera
        place = {"site": camera.site, "counter": camera.counter, "camera_id": camera.camera_id}
        told = Alert.told(alert, **place, direction=str(camera.direction or ""))
        return cls.told(event, alert=told)


class Events(BaseModel):
    """A page of events."""

    events: list[Event] = Field(description="In their order.")
    cursor: int = Field(description="`after` of the next request.")


class Acknowledgement(BaseModel):
    """Up to where events are handled."""

    model_config = ConfigDict(strict=True)

    sequence: int = Field(ge=0, le=MAX_NUMBER, description="That of the last one that is handled.")


class OpenProblem(_Told):
    """A problem of a camera, a server or a source, which a person must solve."""

    problem_id: str
    kind: str | None = Field(description="None: one that only a newer server knows.")
    about: str = Field(description="Key of the camera, or name of the source or server.")
    site: str
    counter: str
    began_at: datetime
    acknowledged: bool

    @classmethod
    def of(cls, one: Alarm) -> OpenProblem:
        """Return the answer about a problem."""
        return cls.told(one, problem_id=one.alarm_id, acknowledged=one.acknowledged_at is not None)


class States(BaseModel):
    """How the office stands."""

    connected: bool = Field(description="Whether alerts can come now.")
    would_ring: str = Field(description="ALL, SOME or NONE of the listed travellers; UNKNOWN from old servers.")
    fault: str | None = Field(description="Why not all would ring.")
    counters: list[str] = Field(description="The counters that the fault is about.")
    waiting_alerts: int = Field(description="Alerts that nobody has claimed or judged.")
    list_renewed_at: datetime | None = Field(description="When the list was last read as a whole.")
    problems: list[OpenProblem]


class Credentials(BaseModel):
    """A name and a password."""

    model_config = ConfigDict(strict=True)

    name: str = Field(min_length=1, max_length=200)
    password: str = Field(min_length=1, max_length=1000)


class Session(BaseModel):
    """A person has signed in."""

    token: str = Field(description="For the header Cekalwatch-Session; a secret.")
    roles: list[str]


class ListRecord(_Told):
    """What became, or would become, of an order of a list."""

    order_id: str
    subject_id: str
    outcome: str | None
    reason: str | None = Field(description="Why it was refused: a code of the server's error catalogue.")
    fields: list[str] = Field(description="The fields that are missing or wrong.")
    problem: bool = Field(description="Whether it needs attention.")

    @classmethod
    def of(cls, one: RecordReport) -> ListRecord:
        """Return the answer about an order: no values."""
        fields = [fault.field for fault in one.faults] or ([one.field] if one.field else [])
        return cls.told(one, fields=fields, problem=one.has_problem)


class ListResult(_Told):
    """What became, or would become, of a list file."""

    rows: int
    digest: str = Field(description="Of a preview: imports the file exactly as it was previewed.")
    records: list[ListRecord]

    @classmethod
    def of(cls, found: ListImport) -> ListResult:
        """Return the answer about a list file."""
        return cls.told(found, records=[ListRecord.of(one) for one in found.records])

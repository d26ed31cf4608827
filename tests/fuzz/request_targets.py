"""What devices and people ask of a server: adjudication, law, agencies, devices, policies, surveys, people, second
signatures, and corrections of a list."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any
from uuid import UUID

from google.protobuf.message import DecodeError, Message

from cekalwatch.contract.calls.watchlist import ADD_LAW_ROW
from cekalwatch.contract.codec.approvals import signed_values
from cekalwatch.contract.codec.devices import DEVICE_TO_INVITE
from cekalwatch.contract.codec.imports import CORRECTION
from cekalwatch.contract.codec.law import AGENCY, LAW_ROW
from cekalwatch.contract.engine.scalars import Reading, Refused
from cekalwatch.contract.values.approvals import Approval, ApprovalState
from cekalwatch.contract.values.imports import LIST_COLUMNS
from cekalwatch.contract.values.people import PersonReference
from cekalwatch.server.domain.people import Person, PersonError
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.grpc_api import alert_requests as read
from cekalwatch.server.grpc_api.served import read_request
from cekalwatch.server.grpc_api.servicers.cameras import read_changes, read_survey
from cekalwatch.server.grpc_api.servicers.devices import _identity as device
from cekalwatch.server.grpc_api.servicers.people import _display_name, _roles, _sign_in_name, _sites
from cekalwatch.server.grpc_api.servicers.session import _joint_act, _proof
from cekalwatch.server.grpc_api.servicers.watchlist.list_file import _asked as list_file_begun
from cekalwatch.server.grpc_api.servicers.watchlist.list_file import _correction as cell_correction
from cekalwatch.server.watchlist.imports.records import RecordError
from cekalwatch.server.watchlist.sources.handmade import HandmadeList
from cekalwatch.server.watchlist.sources.mapping import RecordMapper
from cekalwatch.server.watchlist.sources.mapping_settings import MappingSettings
from cekalwatch.server.watchlist.sources.written_days import WrittenDays
from cekalwatch.v1 import (
    adjudication_pb2,
    agency_pb2,
    alert_service_pb2,
    camera_service_pb2,
    device_service_pb2,
    law_pb2,
    people_service_pb2,
    session_service_pb2,
    watchlist_service_pb2,
)
from tests.fuzz.targets import kept_and_told
from tests.support.builders.alerts import NOON
from tests.support.builders.watchlist import WIB

PERSON = UUID(int=1)


def _law(message: law_pb2.LawRow) -> None:
    row = read_request(ADD_LAW_ROW, watchlist_service_pb2.AddLawRowRequest(row=message), Code.LAW_ROW_INVALID)
    assert LAW_ROW.read(LAW_ROW.write(row), Reading.STRICT) == row


def _agency(message: agency_pb2.Agency) -> None:
    one = AGENCY.read(message, Reading.STRICT)
    assert AGENCY.read(AGENCY.write(one), Reading.STRICT) == one


def _person(message: people_service_pb2.AddPersonRequest) -> None:
    name, shown = _sign_in_name(message.sign_in_name), _display_name(message.display_name)
    with suppress(PersonError):
        person = Person(PERSON, name, shown, _roles(message.roles), _sites(message.sites))
        assert all(text.isprintable() for text in (person.sign_in_name, person.display_name, *person.sites))


def _sign_in(message: session_service_pb2.SignInRequest) -> None:
    _joint_act(message)
    _proof(message, native=False)


def _look(message: alert_service_pb2.RecordLookRequest) -> None:
    read.alert_id(message.alert_id)
    read.agent_id(message.agent_id)
    read.outcome(message.finding)


def _approval(message: session_service_pb2.AskApprovalRequest) -> None:
    """What is asked for, as the second person reads it."""
    first = PersonReference(str(PERSON), "a")
    asked = Approval("a", message.method, message.request, first, "", NOON, NOON, ApprovalState.WAITING)
    for one in signed_values(asked) or ():
        assert one.name


def _amended(message: watchlist_service_pb2.AmendOrderRequest) -> None:
    cells = CORRECTION.read_all(message.correction.cells[: len(LIST_COLUMNS)], Reading.STRICT)
    _row({one.field: one.value for one in cells}, WrittenDays())


def _repaired(message: watchlist_service_pb2.CellCorrection) -> None:
    one = cell_correction(message)
    corrected = HandmadeList((one,))
    _row(corrected.corrected(one.place, {}) or {}, corrected.days)


def _row(cells: Mapping[str, object], days: WrittenDays) -> None:
    for field, value in cells.items():
        days.see(field, value)
    keys = {"order_id": "O-1", "subject_id": "S-1", "kind": "CEGAH", "name": "A"}
    with suppress(RecordError):
        found = RecordMapper(MappingSettings(), WIB, days=days).read({**keys, **cells})
        kept_and_told(found.subject, found.order)


KINDS: tuple[tuple[type[Message], Callable[[Any], object]], ...] = (
    (alert_service_pb2.AdjudicateAlertRequest, read.adjudication),
    (alert_service_pb2.ClearAlertRequest, read.clearing),
    (alert_service_pb2.TakeOverAlertRequest, read.taking_over),
    (alert_service_pb2.ConfirmAlertRequest, read.confirmation),
    (adjudication_pb2.FollowUp, lambda message: read.follow_up(message, PersonReference(str(PERSON)), NOON)),
    (alert_service_pb2.GetShiftReportRequest, lambda message: read.span(message, NOON)),
    (law_pb2.LawRow, _law),
    (agency_pb2.Agency, _agency),
    (device_service_pb2.InviteDeviceRequest, lambda message: DEVICE_TO_INVITE.read(message, Reading.STRICT)),
    (device_service_pb2.RevokeDeviceRequest, device),
    (camera_service_pb2.CapturePolicyChanges, read_changes),
    (camera_service_pb2.Survey, read_survey),
    (people_service_pb2.AddPersonRequest, _person),
    (session_service_pb2.SignInRequest, _sign_in),
    (alert_service_pb2.RecordLookRequest, _look),
    (session_service_pb2.AskApprovalRequest, _approval),
    (watchlist_service_pb2.AmendOrderRequest, _amended),
    (watchlist_service_pb2.CellCorrection, _repaired),
    (watchlist_service_pb2.ListFileBegin, list_file_begun),
)


def request(data: bytes) -> None:
    """A request; the first byte says of which kind."""
    if not data:
        return
    kind, take = KINDS[data[0] % len(KINDS)]
    with suppress(DecodeError, CekalwatchError, Refused):
        take(kind.FromString(data[1:]))

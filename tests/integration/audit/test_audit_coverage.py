"""Every method of the contract writes to the audit trail, or is listed here with the reason why it need not."""

from __future__ import annotations

import asyncio
import importlib
import pkgutil
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

import cekalwatch.v1
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.audit.entry import Action, Link
from cekalwatch.v1 import (
    alert_service_pb2,
    operations_service_pb2,
    trouble_service_pb2,
    watchlist_service_pb2,
)
from tests.support.builders.watchlist_folder import row, write_orders
from tests.support.scenarios.audited_calls import (
    Scene,
    accept_shrunken_list,
    acknowledge_alarm,
    add_law_row,
    amend_order,
    ask_approval,
    begin_wall,
    change_password,
    claim_and_release,
    confirm_and_close,
    enrol,
    enter_reference,
    export_trail,
    fetch_references,
    follow_list,
    forget_learned,
    get_aiming_picture,
    get_alert,
    get_port_alert,
    get_subject,
    get_subject_history,
    hand_over_shift,
    import_list_file,
    import_watchlist,
    judge_lookalikes,
    keep_agencies,
    keep_devices,
    keep_people,
    list_alert_faces,
    list_alerts,
    list_changed_alerts,
    list_lookalikes,
    list_port_alerts,
    list_subject_faces,
    list_subjects,
    look_at_faces,
    read_list,
    read_trail,
    refer_and_clear,
    report_alerts,
    report_survey,
    seat,
    set_camera_policy,
    set_exercise_hours,
    set_gate_policy,
    set_threshold,
    sign_in_right_and_wrong,
    sign_out,
    stream_faces,
    subscribe,
    synchronise,
    take_over,
    take_password_parts,
    take_report,
    trail,
    undo_judgement,
)
from tests.support.scenarios.server import list_astronaut, running, settings
from tests.support.scenarios.site_pki import SITE
from tests.support.scenarios.sync import SyncCaller, hold_schedule

NO_ENTRY_NEEDED = {
    "AlertService/AcknowledgeAlerts": "moves an agent's position and shows nothing; what was delivered is recorded",
    "SessionService/GetSession": "tells a person who signed in what they are themselves; the sign-in is recorded",
    "SessionService/ListApprovals": "tells who asks for a signature, and what for; asking and signing are recorded",
    "SessionService/AnswerApproval": "is recorded, and takes a second device: adversarial/test_second_word_elsewhere",
    "SessionService/GetSignInMethods": "tells which identity provider the server has, and nothing of a person",
    "ShiftService/GetExerciseHours": "tells hours and numbers, and nothing of a person",
    "AlertService/GetShiftReport": "tells counts and times, and keys of cameras",
    "WatchlistService/GetSyncStatus": "tells counts, codes and keys of refused orders, and nothing of a person",
    "WatchlistService/ListSyncRuns": "tells the same of earlier runs",
    "WatchlistService/ListAgencies": "tells names of agencies, and nothing of a person",
    "WatchlistService/GetLaw": "tells the law, and nothing of a person",
    "WatchlistService/PreviewLawRow": "tells keys and status of orders, and nothing else of a person",
    "TroubleService/WatchTroubles": "tells keys of cameras and sources, numbers and codes, and nothing of a traveller",
    "TroubleService/ListTroubles": "tells the same of earlier ones",
    "PeopleService/ListPeople": "tells an administrator who may sign in, and nothing of a traveller or a subject",
    "CameraService/GetCameraPolicy": "tells figures of a camera, and nothing of a person",
    "CameraService/ListSurveys": "tells figures of a camera, and nothing of a person",
    "DeviceService/ListDevices": "tells keys, dates and serial numbers of devices, and nothing of a person",
    "PortService/ListPorts": "tells keys, times and counts of ports, and nothing of a person",
    "OperationsService/GetGates": "tells keys of gates, what they are asked, and who of the staff set the policy",
    "OperationsService/GetThreshold": "tells scores and shares, and who of the staff set them; nothing of a traveller",
    "OperationsService/ListCounters": "tells keys of cameras and PCs, and who of the staff sits there",
    "OperationsService/GetStatus": "tells counts, versions and keys of devices, and nothing of a person",
}
Call = Callable[[Scene], Awaitable[None]]
_WORKED_ON = ["alert:", "subject:S-1"]
ENTRIES: dict[str, tuple[Call, dict[Action, list[str]]]] = {
    "CaptureService/StreamFaces": (stream_faces, {Action.ALERT_SIGHTED: ["alert:", "capture:", "subject:S-1"]}),
    "AlertService/SubscribeAlerts": (
        subscribe,
        {Action.SUBSCRIPTION_OPENED: [], Action.ALERT_DELIVERED: ["alert:", "subject:S-1"]},
    ),
    "AlertService/ListAlerts": (list_alerts, {Action.ALERTS_LISTED: ["alert:", "subject:S-1"]}),
    "AlertService/ListChangedAlerts": (list_changed_alerts, {Action.ALERTS_LISTED: ["alert:", "subject:S-1"]}),
    "AlertService/GetAlert": (get_alert, {Action.ALERT_VIEWED: ["alert:", "subject:S-1"]}),
    "AlertService/ListAlertFaces": (list_alert_faces, {Action.FACES_LISTED: ["alert:", "subject:S-1"]}),
    "AlertService/RecordLook": (look_at_faces, {Action.ALERT_LOOKED: _WORKED_ON}),
    "AlertService/ClaimAlert": (claim_and_release, {Action.ALERT_CLAIMED: _WORKED_ON}),
    "AlertService/ReleaseAlert": (claim_and_release, {Action.ALERT_RELEASED: _WORKED_ON}),
    "AlertService/AdjudicateAlert": (refer_and_clear, {Action.ALERT_ADJUDICATED: _WORKED_ON}),
    "AlertService/UndoJudgement": (undo_judgement, {Action.ALERT_UNDONE: _WORKED_ON}),
    "AlertService/ClearAlert": (refer_and_clear, {Action.ALERT_CLEARED: _WORKED_ON}),
    "AlertService/ConfirmAlert": (confirm_and_close, {Action.ALERT_CONFIRMED: [*_WORKED_ON, "person:"]}),
    "AlertService/TakeOverAlert": (take_over, {Action.ALERT_TAKEN_OVER: _WORKED_ON}),
    "AlertService/EnterReference": (enter_reference, {Action.ALERT_REFERENCE_ENTERED: _WORKED_ON}),
    "AlertService/RecordFollowUp": (confirm_and_close, {Action.ALERT_FOLLOWED_UP: _WORKED_ON}),
    "AlertService/CloseAlert": (confirm_and_close, {Action.ALERT_CLOSED: _WORKED_ON}),
    "WatchlistService/ListSubjects": (list_subjects, {Action.SUBJECTS_LISTED: ["subject:S-1"]}),
    "WatchlistService/ListSubjectFaces": (list_subject_faces, {Action.FACES_LISTED: ["subject:S-1"]}),
    "WatchlistService/GetSubject": (get_subject, {Action.SUBJECT_VIEWED: ["subject:S-1"]}),
    "WatchlistService/GetSubjectHistory": (get_subject_history, {Action.SUBJECT_VIEWED: ["subject:S-1"]}),
    "WatchlistService/JudgeLookAlikes": (judge_lookalikes, {Action.LOOKALIKES_JUDGED: ["subject:S-1", "subject:S-2"]}),
    "WatchlistService/ListLookAlikes": (list_lookalikes, {Action.SUBJECTS_LISTED: ["subject:S-1", "subject:S-2"]}),
    "WatchlistService/PutAgency": (keep_agencies, {Action.AGENCY_PUT: ["agency:DINAS"]}),
    "WatchlistService/RemoveAgency": (keep_agencies, {Action.AGENCY_REMOVED: ["agency:DINAS"]}),
    "WatchlistService/AddLawRow": (add_law_row, {Action.LAW_ROW_ADDED: ["person:"]}),
    "WatchlistService/ImportWatchlist": (
        import_watchlist,
        {Action.ORDER_IMPORTED: ["order:O-7", "subject:S-7"], Action.WATCHLIST_IMPORTED: []},
    ),
    "WatchlistService/ImportListFile": (
        import_list_file,
        {Action.ORDER_IMPORTED: ["order:O-8", "subject:S-8"], Action.WATCHLIST_IMPORTED: []},
    ),
    "ListFeedService/FollowList": (follow_list, {Action.LIST_FOLLOWED: []}),
    "ListFeedService/ReadList": (read_list, {Action.LIST_READ: ["subject:S-1"]}),
    "ListFeedService/FetchReferences": (fetch_references, {Action.REFERENCES_FETCHED: ["subject:S-1"]}),
    "WatchlistService/SyncNow": (
        synchronise,
        {Action.SYNC_REQUESTED: [], Action.ORDER_IMPORTED: ["order:O-1", "subject:S-1"], Action.WATCHLIST_SYNCED: []},
    ),
    "WatchlistService/AcceptShrunkenList": (
        accept_shrunken_list,
        {Action.SHRINK_ACCEPTED: ["person:"], Action.ORDERS_WITHDRAWN: ["order:O-1"]},
    ),
    "SessionService/SignIn": (
        sign_in_right_and_wrong,
        {Action.SIGN_IN_REFUSED: ["person:"], Action.SIGNED_IN: ["person:"]},
    ),
    "SessionService/BeginWall": (begin_wall, {Action.SIGNED_IN: ["person:"]}),
    "SessionService/AskApproval": (ask_approval, {Action.APPROVAL_ASKED: ["person:"]}),
    "SessionService/SignOut": (sign_out, {Action.SIGNED_OUT: ["person:"]}),
    "SessionService/ChangePassword": (change_password, {Action.PASSWORD_CHANGED: ["person:"]}),
    "PeopleService/TakePasswordParts": (take_password_parts, {Action.PERSON_CHANGED: ["person:"]}),
    "PeopleService/AddPerson": (keep_people, {Action.PERSON_ADDED: ["person:"]}),
    **dict.fromkeys(
        (f"PeopleService/{name}" for name in ("ChangePerson", "DisablePerson", "ResetPassword", "UnlockPerson")),
        (keep_people, {Action.PERSON_CHANGED: ["person:"]}),
    ),
    **{
        f"DeviceService/{name}": (keep_devices, {action: [f"device:{SITE}/{device}"]})
        for name, action, device in (
            ("InviteDevice", Action.DEVICE_INVITED, "camera/dep-1"),
            ("CancelInvitation", Action.INVITATION_WITHDRAWN, "camera/dep-1"),
            ("RevokeDevice", Action.CERTIFICATES_REVOKED, "notifier/pc-lost"),
        )
    },
    "CameraService/SetCameraPolicy": (
        set_camera_policy,
        {Action.CAMERA_POLICY_SET: [f"device:{SITE}/camera/dep-1"]},
    ),
    "ShiftService/LeaveShift": (hand_over_shift, {Action.SHIFT_LEFT: ["person:"]}),
    "ShiftService/ListHandOvers": (hand_over_shift, {Action.SHIFT_NOTES_READ: ["person:"]}),
    "ShiftService/TakeShift": (hand_over_shift, {Action.SHIFT_TAKEN_OVER: ["person:"]}),
    "ShiftService/SetExerciseHours": (set_exercise_hours, {Action.EXERCISES_SET: ["person:"]}),
    "ReportService/GetFieldReport": (take_report, {Action.REPORT_TAKEN: []}),
    "CameraService/ReportSurvey": (report_survey, {Action.CAMERA_SURVEYED: [f"device:{SITE}/camera/dep-1"]}),
    "CameraService/GetAimingPicture": (
        get_aiming_picture,
        {one: [f"device:{SITE}/camera/dep-1"] for one in (Action.CAMERA_PICTURE_VIEWED, Action.CAMERA_WATCHED)},
    ),
    "OperationsService/SetThreshold": (set_threshold, {Action.THRESHOLD_SET: ["person:"]}),
    "OperationsService/SetGatePolicy": (set_gate_policy, {Action.GATES_SET: ["person:"]}),
    "OperationsService/ForgetLearnedThreshold": (forget_learned, {Action.LEARNING_FORGOTTEN: ["person:"]}),
    "TroubleService/AcknowledgeTrouble": (acknowledge_alarm, {Action.TROUBLE_ACKNOWLEDGED: ["trouble:"]}),
    "AuditService/SearchAuditEntries": (read_trail, {Action.AUDIT_SEARCHED: ["person:", "subject:S-1"]}),
    "AuditService/GetAuditEntry": (read_trail, {Action.AUDIT_ENTRY_VIEWED: []}),
    "AuditService/VerifyAuditTrail": (read_trail, {Action.AUDIT_VERIFIED: []}),
    "AuditService/ExportAuditEntries": (export_trail, {Action.AUDIT_EXPORTED: ["person:"]}),
    "PortService/ReportAlerts": (report_alerts, {Action.PORT_REPORTS_OPENED: []}),
    "PortService/ListPortAlerts": (list_port_alerts, {Action.ALERTS_LISTED: ["alert:", "subject:S-1"]}),
    "PortService/GetPortAlert": (get_port_alert, {Action.ALERT_VIEWED: ["alert:", "subject:S-1"]}),
    "EnrolmentService/EnrolDevice": (enrol, {Action.DEVICE_ENROLLED: [f"device:{SITE}/camera/dep-1"]}),
    # The last, since nobody is searched after it.
    "WatchlistService/AmendOrder": (amend_order, {Action.ORDER_AMENDED: ["order:", "subject:S-1", "person:"]}),
}


def methods_of_the_contract() -> set[str]:
    found = set()
    for module in pkgutil.iter_modules(cekalwatch.v1.__path__):
        if module.name.endswith("_pb2"):
            file = importlib.import_module(f"cekalwatch.v1.{module.name}").DESCRIPTOR
            found |= {
                f"{name}/{method}"
                for name, service in file.services_by_name.items()
                for method in service.methods_by_name
            }
    return found


def test_every_method_is_either_recorded_or_excused():
    assert set(ENTRIES).isdisjoint(NO_ENTRY_NEEDED)
    assert set(ENTRIES) | set(NO_ENTRY_NEEDED) == methods_of_the_contract()
    assert all(NO_ENTRY_NEEDED.values())


@dataclass(frozen=True)
class Recorded:
    """What one server recorded, to which all of them were called one after another."""

    by_call: dict[Call, list[Link] | Exception]
    """The entries that were there when a call had been answered, and not before it; or how it failed."""
    whole: list[Link]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    return asyncio.run(_call_all(tmp_path_factory.mktemp("server")))


async def _call_all(folder: Path) -> Recorded:
    # Each passage is an alert of its own, or the second call would find the first one's.
    chosen = settings(
        folder, grouping_window_seconds=0, watchlist={"source": {"kind": "folder", "path": folder / "list"}}
    )
    list_astronaut(chosen)
    hold_schedule(chosen)
    found: dict[Call, list[Link] | Exception] = {}
    async with running(chosen) as server:
        scene = Scene(server.channel, folder=folder)
        await scene.raise_alert()
        for call in dict.fromkeys(call for call, _ in ENTRIES.values()):
            before = len(trail(chosen))
            try:
                await call(scene)
                found[call] = trail(chosen)[before:]
            except Exception as error:  # noqa: BLE001  # it is that method's alone
                found[call] = error
        with pytest.raises(grpc.aio.AioRpcError):
            await scene.watchlist.GetSubject(watchlist_service_pb2.GetSubjectRequest(subject_id="Contoh Satu"))
    return Recorded(found, trail(chosen))


@pytest.mark.slow
@pytest.mark.parametrize("method", ENTRIES)
def test_a_method_writes_its_entries_before_it_answers(recorded: Recorded, method: str):
    call, wanted = ENTRIES[method]
    new = recorded.by_call[call]
    if isinstance(new, Exception):
        raise new
    for action, objects in wanted.items():
        of_action = [one for one in new if one.action == action]
        assert of_action, f"{method} wrote no {action}"
        assert all(expected in of_action[0].objects for expected in objects), of_action[0].objects


async def test_the_excused_methods_show_nothing_of_a_person(tmp_path: Path):
    """What they answer is looked through for the key and the name of the subject that is listed and alerts."""
    chosen = settings(tmp_path, watchlist={"source": {"kind": "folder", "path": tmp_path / "list"}})
    list_astronaut(chosen)
    hold_schedule(chosen)
    async with running(chosen) as server:
        scene = Scene(server.channel, folder=tmp_path)
        await scene.raise_alert()
        sari = await seat(scene, "sari", PersonRole.SUPERVISOR)
        shift = await sari.call("GetShiftReport", start_time=Timestamp(seconds=int(time.time()) - 60))
        assert shift.raised == 1
        acknowledged = await scene.alerts.AcknowledgeAlerts(
            alert_service_pb2.AcknowledgeAlertsRequest(agent_id="pc-1", sequence=1)
        )
        status = await scene.operations.GetStatus(operations_service_pb2.GetStatusRequest())
        write_orders(tmp_path / "list", [row(), row("O-2", subject_id="S-1", valid_from="Contoh")])
        await SyncCaller(server.channel).now()
        syncs = await SyncCaller(server.channel).status()
        runs = await scene.watchlist.ListSyncRuns(watchlist_service_pb2.ListSyncRunsRequest())
        alarms = await scene.alarms.ListTroubles(trouble_service_pb2.ListTroublesRequest())
        assert runs.runs[0].refusals[0].order_id == "O-2"
    for answer in (acknowledged, status, shift, syncs, runs, alarms):
        assert b"S-1" not in answer.SerializeToString()
        assert b"Contoh" not in answer.SerializeToString()


@pytest.mark.slow
def test_no_entry_holds_a_name_or_a_picture(recorded: Recorded):
    found = recorded.whole
    assert found[-1].outcome == "SUBJECT_NOT_FOUND"
    assert not [one for one in found if "Contoh" in "".join(map(str, one)) or "\\u" in "".join(map(str, one))]
    assert max(len("".join(map(str, one))) for one in found) < 1000

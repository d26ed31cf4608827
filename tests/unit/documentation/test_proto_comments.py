"""The contract's comments state the figures that the programs hold to."""

from __future__ import annotations

import re
from functools import cache

import pytest
from pydantic import TypeAdapter

from cekalwatch.camera.view.aiming import FRAME_WITHIN_S
from cekalwatch.camera.view.blurring import MOSAIC
from cekalwatch.contract.values import agencies, alerts, devices, law
from cekalwatch.contract.values import reports as field_reports
from cekalwatch.contract.values import surveys as survey
from cekalwatch.contract.values.adjudication import MAX_NOTE
from cekalwatch.contract.values.approvals import MAX_APPROVAL_BYTES, MAX_METHOD
from cekalwatch.contract.values.capture_policy import POLICY_BOUNDS, CapturePolicy
from cekalwatch.contract.values.federation import MAX_HELD
from cekalwatch.contract.values.hand_overs import MAX_HAND_OVERS
from cekalwatch.contract.values.imports import MAX_CORRECTION, MAX_CORRECTIONS, MAX_DETAIL, MAX_FAULT_VALUE
from cekalwatch.contract.values.orders import MAX_REVOCATION_REFERENCE
from cekalwatch.contract.values.people import MAX_DISPLAY_NAME, MAX_SIGN_IN_NAME, MAX_SITES
from cekalwatch.contract.values.watchlist import MAX_SEARCH_TEXT
from cekalwatch.server.alerts import fanout
from cekalwatch.server.alerts.details import MAX_JUDGED, MAX_REFERENCES
from cekalwatch.server.auth import approvals
from cekalwatch.server.auth.sign_in_terms import OpenIdTerms, SessionTerms
from cekalwatch.server.auth.signing_in import openid, passwords
from cekalwatch.server.capture import aiming, surveys
from cekalwatch.server.capture.session import MISSED_HEARTBEATS
from cekalwatch.server.capture.watching import ENDED_S, RENEWED_S
from cekalwatch.server.domain import alarms, exercises, syncs
from cekalwatch.server.domain.alerts.alert import MAX_SIGHTINGS
from cekalwatch.server.domain.alerts.field_report import MAX_AGENCIES
from cekalwatch.server.domain.alerts.grouping import MAX_CANDIDATES
from cekalwatch.server.domain.alerts.handling import MAX_FOLLOW_UP_BYTES, MAX_FOLLOW_UPS
from cekalwatch.server.domain.people import MANY_PEOPLE, LockOut, TryAllowance
from cekalwatch.server.domain.presence import MAX_PASSAGES
from cekalwatch.server.gallery import threshold
from cekalwatch.server.gallery.lookalikes import MAX_LOOKALIKES
from cekalwatch.server.grpc_api import alert_requests, audit_answers
from cekalwatch.server.grpc_api.clients.report_stream import MAX_ASKED_BY
from cekalwatch.server.grpc_api.servicers import alarms as servicers_alarms
from cekalwatch.server.grpc_api.servicers import alerts as servicers_alerts
from cekalwatch.server.grpc_api.servicers import audit as servicers_audit
from cekalwatch.server.grpc_api.servicers import ports, session
from cekalwatch.server.grpc_api.servicers.audit import EXPORT_BYTES, LONG_CALLS, MAX_OF_A_KIND
from cekalwatch.server.grpc_api.servicers.devices import MAX_CERTIFICATES, MAX_DEVICES
from cekalwatch.server.grpc_api.servicers.enrolment import MAX_REQUEST_BYTES
from cekalwatch.server.grpc_api.servicers.faces import MAX_FACES
from cekalwatch.server.grpc_api.servicers.watchlist import keeping, list_feed, list_file, subjects
from cekalwatch.server.recognition import enrolment
from cekalwatch.server.recognition.crops import MAX_PROBE_BYTES, MAX_THUMBNAIL_BYTES, THUMBNAIL_SIDE
from cekalwatch.server.recognition.enrolment import MAX_FACE_JPEG_BYTES
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.storage.alarms import MAX_OPEN
from cekalwatch.server.storage.alerts.store import MAX_WAITING
from cekalwatch.server.storage.audit.search import MAX_LOOKED_AT
from cekalwatch.server.storage.availability import MAX_PROBLEM
from cekalwatch.server.storage.ports.store import MAX_PORTS, MAX_STEPS
from cekalwatch.server.watchlist.browser import MAX_EVENTS
from cekalwatch.server.watchlist.imports import records
from cekalwatch.server.watchlist.subject_search import MAX_READ
from cekalwatch.vision.softening import AIMING_DETAIL_PX
from cekalwatch.wire import bounds
from cekalwatch.wire.invitation import SECRET_BYTES
from tests.support.repository import ROOT

PROTOS = ROOT / "protos" / "cekalwatch" / "v1"
POLICY = CapturePolicy()
NUMBERS = {2: "two", 3: "Three", 5: "five"}
DECLARED = re.compile(r"(?:(?:repeated|optional) )?[\w.<, >]+ (\w+) = \d+;|rpc (\w+)|(\w+) = \d+;|oneof (\w+)")
HANDLING = ServerSettings()
NOTE = f"at most {MAX_NOTE} characters"
TEXT = f"at most {bounds.MAX_WORD} characters"

AIMING_BOUNDS = (
    f"at most {bounds.MAX_AIMING_BYTES // 1000} kB",
    "at most {} pixels on its longer side and {} on its shorter".format(*bounds.MAX_AIMING_SIDES),
)


@cache
def comments() -> dict[str, str]:
    """The comment of each element, by "Message.field"; its lines are joined."""
    found: dict[str, str] = {}
    for file in PROTOS.glob("*.proto"):
        owner, words = "", []
        for line in map(str.strip, file.read_text("utf-8").splitlines()):
            if line.startswith("//"):
                words.append(line.removeprefix("//").strip())
                continue
            if declared := re.match(r"(?:message|enum|service) (\w+)", line):
                owner = declared[1]
                found[owner] = " ".join(words)
            elif declared := re.match(
                r"(?:repeated |optional )?[\w.<, >]+ (\w+) = \d+;|rpc (\w+)|(\w+) = \d+;|oneof (\w+)", line
            ):
                name = next(group for group in declared.groups() if group)
                found[f"{owner}.{name}"] = " ".join(words)
            words = []
    return found


def bounds_of(field: str) -> tuple[float, float]:
    """The least and the most that the server's settings take for a figure of the capture policy."""
    schema = TypeAdapter(CapturePolicy).json_schema()["properties"][field]
    return schema["minimum"], schema["maximum"]


def longest(field: str) -> int:
    """How many characters the server's settings take for a text about the identity provider."""
    return int(TypeAdapter(OpenIdTerms).json_schema()["properties"][field]["maxLength"])


STATED = {
    "DatabaseStatus.problem": (f"at most {MAX_PROBLEM} characters",),
    "Subscribed.waiting_alerts": (f"at most {MAX_WAITING}:",),
    "FaceCapture.jpeg": (
        f"at most {bounds.MAX_CROP_BYTES // 1000} kB",
        f"{bounds.MAX_CROP_PIXELS // 10**6} megapixel",
    ),
    "ReferenceFace.also_under": (f"at most {MAX_LOOKALIKES};",),
    "PhotoReport.also_under": (f"at most {MAX_LOOKALIKES}.",),
    "Receipts.receipts": (f"({ServerSettings().receipt_delay_seconds:g} s by default)",),
    "ImportListFileRequest.chunk": (
        f"at most {bounds.PHOTO_CHUNK_BYTES // 1000} kB",
        f"at most {bounds.MAX_CHUNKS} of them",
    ),
    "ImportListFileRequest.correction": (f"at most {MAX_CORRECTIONS} of them.",),
    "CellCorrection.value": (f"at most {MAX_CORRECTION} characters.",),
    "FieldFault.value": (f"at most {MAX_FAULT_VALUE} characters;",),
    "ListFileBegin.name": (f"1 to {bounds.MAX_LIST_FILE_NAME} printable characters",),
    "ListFileBegin.size": (f"at most {bounds.MAX_LIST_FILE_BYTES}.",),
    "ListFileEnded.without_use": (f"at most {list_file.MAX_WITHOUT_USE}.",),
    "FaceCapture.track_id": (f"1 to {bounds.MAX_WORD} printable characters",),
    "CaptureReceipt.capture_id": (f"at most {bounds.MAX_WORD} characters",),
    "CapturePolicy.min_eye_distance_px": (f"Default {POLICY.min_eye_distance_px:g}.",),
    "CapturePolicy.max_yaw_degrees": (f"Default {POLICY.max_yaw_degrees:g}.",),
    "CapturePolicy.max_pitch_degrees": (f"Default {POLICY.max_pitch_degrees:g}.",),
    "CapturePolicy.max_crops_per_track": (
        "{:g} to {:g}.".format(*bounds_of("max_crops_per_track")),
        f"Default {POLICY.max_crops_per_track}.",
    ),
    "CapturePolicy.jpeg_quality": (
        "{:g} to {:g}.".format(*bounds_of("jpeg_quality")),
        f"Default {POLICY.jpeg_quality}.",
    ),
    "CapturePolicy.min_detector_score": (f"Default {POLICY.min_detector_score:g}.",),
    "Hello.client_version": (TEXT,),
    "Hello.detector": (TEXT,),
    "CameraService.GetAimingPicture": (
        f"{aiming.MAX_PICTURES:g} at once and then one each {1 / aiming.PICTURES_PER_S:g} s",
    ),
    "AimingRefusal.AIMING_REFUSAL_NO_FRAMES": (f"within {FRAME_WITHIN_S:g} s",),
    "AimingPicture": (f"mosaic of {MOSAIC} tiles", f"detail of {AIMING_DETAIL_PX} pixels"),
    "AimingPicture.jpeg": AIMING_BOUNDS,
    "AimingPicture.age": (f"0 to {bounds.MAX_AIMING_AGE_S:g} s",),
    "AimingPicture.frame_width": (f"1 to {bounds.MAX_FRAME_SIDE}.",),
    "AimingPicture.frame_height": (f"1 to {bounds.MAX_FRAME_SIDE}.",),
    "ExerciseRequest.token": (f"at most {bounds.MAX_REASON} characters",),
    "ExerciseRequest.jpegs": (f"at most {enrolment.MAX_FACE_JPEG_BYTES // 1000} kB each",),
    "AimingPicture.faces": (f"at most {bounds.MAX_AIMING_FACES}.",),
    "GetAimingPictureResponse.jpeg": AIMING_BOUNDS,
    "CameraService.ReportSurvey": (f"{surveys.MAX_SURVEYS:g} at once", f"one each {1 / surveys.SURVEYS_PER_S:g} s"),
    "Survey.client_version": (TEXT,),
    "Survey.detector": (TEXT,),
    "Survey.frame_width": (f"1 to {bounds.MAX_FRAME_SIDE}.",),
    "Survey.frame_height": (f"1 to {bounds.MAX_FRAME_SIDE}.",),
    "Survey.watched": (f"at most {survey.MAX_WATCHED_S:g} s.",),
    "Survey.frames_per_second": (f"0 to {survey.MAX_RATE:g}.",),
    "Survey.passages": (f"at most {survey.MAX_PASSAGES}.",),
    "Survey.eye_distance_px": ("{:g} to {:g}.".format(*survey.SPREADS["eye_distance_px"]),),
    "Survey.yaw_degrees": ("{:g} to {:g}.".format(*survey.SPREADS["yaw_degrees"]),),
    "Survey.pitch_degrees": ("{:g} to {:g}.".format(*survey.SPREADS["pitch_degrees"]),),
    "Survey.advice": (f"at most {len(survey.Advice)}.",),
    "ListSurveysResponse.surveys": (f"at most {survey.MAX_KEPT};",),
    "Goodbye.reason": (f"at most {bounds.MAX_REASON} characters",),
    "Welcome.credits": ("1 to 1000",),
    "Welcome.heartbeat_period": (f"{NUMBERS[MISSED_HEARTBEATS]} missed ones",),
    "CameraStatus.passages": (f"at most {MAX_PASSAGES}.",),
    **{f"CapturePolicyChanges.{name}": (f"{least:g} to {most:g}.",) for name, (least, most) in POLICY_BOUNDS.items()},
    "Device.certificates": (f"at most {MAX_CERTIFICATES};",),
    "ListDevicesResponse.devices": (f"At most {MAX_DEVICES},",),
    "InviteDeviceRequest.counters": (f"At most {devices.MAX_COUNTERS}.",),
    "InviteDeviceRequest.valid_minutes": (f"1 to {devices.MAX_MINUTES}; 0 means {devices.DEFAULT_MINUTES}.",),
    "AddPersonRequest.sites": (f"at most {MAX_SITES}.",),
    "ChangePersonRequest.seen_sites": (f"at most {MAX_SITES}.",),
    "ChangePersonRequest.sites": (f"at most {MAX_SITES}.",),
    "AuditEntry.objects": (f"at most the first {audit_answers.MAX_SHOWN_OBJECTS}.",),
    "SearchAuditEntriesRequest.person": (TEXT,),
    "SearchAuditEntriesRequest.subject_id": (TEXT,),
    "SearchAuditEntriesRequest.outcome": (f"at most {bounds.MAX_WORD} of A-Z and _.",),
    "SearchAuditEntriesRequest.page_size": (f"1 to {bounds.MAX_PAGE}; 0 means {servicers_audit.DEFAULT_PAGE}.",),
    "SearchAuditEntriesResponse.next_page_token": (f"looked at {MAX_LOOKED_AT:,} entries",),
    "AuditVerdict.problems": (f"of each kind the first {MAX_OF_A_KIND};",),
    "AuditService.VerifyAuditTrail": (f"{NUMBERS[LONG_CALLS].capitalize()} at once",),
    "AuditService.ExportAuditEntries": (f"{NUMBERS[LONG_CALLS].capitalize()} at once",),
    "ExportAuditEntriesResponse.data": (f"at most {EXPORT_BYTES // 1000} kB",),
    "AlertFilter.counters": (f"At most {alerts.MAX_COUNTERS}.",),
    "Alert.candidates": (f"at most {MAX_CANDIDATES},",),
    "Alert.sightings": (f"newest {MAX_SIGHTINGS}.",),
    "Alert.late": (f"{HANDLING.late_after_seconds:.0f} s by default",),
    "Finding.note": (NOTE,),
    "FollowUp.agency": (f"1 to {MAX_NOTE} characters",),
    "FollowUp.contact": (f"1 to {MAX_NOTE} characters",),
    "FollowUp.result": (f"1 to {MAX_NOTE} characters",),
    "Handling.follow_ups": (f"at most {MAX_FOLLOW_UPS}, of at most {MAX_FOLLOW_UP_BYTES // 1024} KiB together",),
    "Claim.expire_time": (f"{HANDLING.claim_lease_seconds:.0f} s after the last renewal by default",),
    "Escalation.ESCALATION_SUPERVISOR": (f"after {HANDLING.escalate_after_seconds:.0f} s by default",),
    "AdjudicateAlertRequest.note": (NOTE,),
    "HandOver.notes": (NOTE,),
    "LeaveShiftRequest.notes": (NOTE,),
    "ListHandOversResponse.hand_overs": (f"At most {MAX_HAND_OVERS}.",),
    "ExerciseHours.shifts": (f"at most {exercises.MAX_SHIFTS};",),
    "ExerciseHours.a_shift": (f"1 to {exercises.MAX_A_SHIFT}.",),
    "FieldExercises.recognised": (f"fewer than {field_reports.MIN_JUDGED} were",),
    "ShiftService": (f"{HANDLING.shift_note_retention_days} by default",),
    "AdjudicateAlertRequest.candidate_subject_id": (f"at most {alerts.MAX_CANDIDATE_KEY} printable characters",),
    "ConfirmAlertRequest.note": (NOTE,),
    "ClearAlertRequest.note": (NOTE,),
    "EnterReferenceRequest.note": (NOTE,),
    "TakeOverAlertRequest.note": (NOTE,),
    "GetFieldReportRequest.end_time": (f"at most {field_reports.MAX_SPAN.days} days later",),
    "GetFieldReportResponse.agencies": (f"at most {MAX_AGENCIES},",),
    "GetShiftReportRequest.end_time": (f"at most {alert_requests.MAX_SHIFT.days} days later",),
    "AlertImages.references": (f"at most {MAX_REFERENCES},",),
    "KeepAlive": (f"each {ServerSettings().keep_alive_period_seconds:.0f} s by default",),
    "EnrolDeviceRequest.invitation_secret": (f"{SECRET_BYTES} bytes",),
    "EnrolDeviceRequest.certificate_request": (f"at most {MAX_REQUEST_BYTES} bytes",),
    "PasswordProof.sign_in_name": (f"at most {MAX_SIGN_IN_NAME} characters",),
    "PasswordProof.password": (f"at most {passwords.MAX_CHARACTERS} characters",),
    "IdentityProvider.issuer": (f"at most {longest('issuer')} characters",),
    "IdentityProvider.client_id": (f"at most {longest('client_id')} characters",),
    "IdentityProvider.scope": (f"at most {longest('scope')} characters",),
    "IdentityProvider.authorization_endpoint": (f"at most {openid.MAX_ENDPOINT} characters",),
    "IdentityProvider.end_session_endpoint": (f"at most {openid.MAX_ENDPOINT} characters",),
    "AuthorizationCodeProof.asked_anew": (f"last {NUMBERS[openid.MAX_AUTHENTICATION_AGE.seconds // 60]} minutes",),
    "AuthorizationCodeProof.code": (f"at most {session.MAX_CODE} characters",),
    "AuthorizationCodeProof.code_verifier": ("{} to {} characters".format(*session.VERIFIER_CHARACTERS),),
    "AuthorizationCodeProof.redirect_uri": (f"at most {session.MAX_URI} characters",),
    "AuthorizationCodeProof.nonce": ("{} to {} characters".format(*session.NONCE_CHARACTERS),),
    "ChangePasswordRequest.present_password": (f"at most {passwords.MAX_CHARACTERS} characters",),
    "ChangePasswordRequest.new_password": (f"{passwords.MIN_CHARACTERS} to {passwords.MAX_CHARACTERS} characters",),
    "SessionService.AskApproval": (f"at most {approvals.MAX_OF_A_SESSION} such requests",),
    "AskApprovalRequest.method": (f"at most {MAX_METHOD} characters",),
    "AskApprovalRequest.request": (f"at most {MAX_APPROVAL_BYTES} bytes",),
    "Approval.request": (f"at most {MAX_APPROVAL_BYTES} bytes",),
    "SessionService.SignIn": (
        f"After {NUMBERS[LockOut().free_tries]} wrong passwords",
        f"for {LockOut().first.seconds} seconds",
        f"{LockOut().longest.seconds // 60} minutes at most",
        f"may send {TryAllowance().at_once} wrong ones at once",
        f"each {TryAllowance().each.seconds // 60} minutes",
        f"a web console {MANY_PEOPLE} times as many",
    ),
    "SessionPurpose.SESSION_PURPOSE_SECOND_PERSON": (
        f"within {NUMBERS[SessionTerms().second_person.seconds // 60]} minutes",
    ),
    "SetThresholdRequest.threshold": (f"{threshold.MIN_THRESHOLD} to {threshold.MAX_THRESHOLD}.",),
    "AlertImages.probe_jpeg": (f"at most {MAX_PROBE_BYTES // 1000} kB",),
    "ReferenceFace.jpeg": (f"at most {MAX_FACE_JPEG_BYTES // 1000} kB",),
    "AgencyList": (f"at most {agencies.MAX_AGENCIES}, with at most {agencies.MAX_AGENCIES_BYTES} bytes",),
    "Agency.code": (f"at most {agencies.MAX_AGENCY_CODE} capitals",),
    "Agency.name": (f"at most {agencies.MAX_AGENCY_NAME} characters",),
    "Agency.other_names": (f"at most {agencies.MAX_OTHER_NAMES} of {agencies.MAX_AGENCY_NAME} characters",),
    "LawRow.confirmed_by": (f"at most {law.MAX_COUNSEL} characters",),
    "LawPreview.changes": (f"at most {law.MAX_CHANGES}: ",),
    **dict.fromkeys(
        ("BanOrder.revocation_reference", "ImportReport.revocation_reference", "OrderEnding.reference"),
        (f"at most {MAX_REVOCATION_REFERENCE} characters",),
    ),
    "TravelDocument.type": (f"at most {records.MAX_DOCUMENT_TEXT} characters",),
    "TravelDocument.number": (f"at most {records.MAX_DOCUMENT_TEXT} characters",),
    "ListAlertsRequest.page_size": (f"1 to {bounds.MAX_PAGE}; 0 means {servicers_alerts.DEFAULT_PAGE}.",),
    "ListAlertFacesRequest.alert_ids": (f"at most {MAX_FACES}.",),
    "ListSubjectFacesRequest.subject_ids": (f"at most {MAX_FACES}.",),
    "GetAimingPictureRequest.watched": (f"up to {RENEWED_S:.0f} s old", f"{ENDED_S:.0f} s after the last request"),
    "AlertFaces": (f"at most {THUMBNAIL_SIDE} pixels", f"{MAX_THUMBNAIL_BYTES // 1000} kB"),
    "ListChangedAlertsRequest.heard_sequence": (f"at most {fanout.CATCH_UP_S:g} s",),
    "ListChangedAlertsResponse.alerts": (f"at most {bounds.MAX_PAGE}.",),
    "ListSubjectsRequest.page_size": (f"1 to {bounds.MAX_PAGE}; 0 means {subjects.DEFAULT_PAGE}.",),
    "Trouble.about": (f"1 to {alarms.MAX_ABOUT} printable characters",),
    "Trouble.details": (f"at most {alarms.MAX_DETAILS}; ", f"at most {alarms.MAX_DETAIL} printable characters"),
    "OpenTroubles.troubles": (f"at most {MAX_OPEN}.",),
    "GetStatusResponse.ports": (f"most {MAX_PORTS}.",),
    "ListPortsResponse.ports": (f"at most {MAX_PORTS}.",),
    "ListLookAlikesRequest.page_size": (f"1 to {bounds.MAX_PAGE}; 0 means {subjects.DEFAULT_PAGE}.",),
    "Candidate.look_alikes": (f"at most {MAX_JUDGED}.",),
    "ListPortAlertsRequest.page_size": (f"1 to {bounds.MAX_PAGE}; 0 means {ports.DEFAULT_PAGE}.",),
    "PortAlert.steps": (f"at most the newest {MAX_STEPS}; ",),
    "PortHello.server_version": (TEXT,),
    "HeldAlerts.alert_ids": (f"at most {MAX_HELD}.",),
    "PortPicture.probe_jpeg": (f"at most {MAX_PROBE_BYTES // 1000} kB",),
    "PictureRequest.asked_by": (f"at most {MAX_ASKED_BY} printable characters",),
    "GetStatusResponse.troubles": (f"most {MAX_OPEN}.",),
    "WatchTroublesResponse.server_time": (f"{ServerSettings().keep_alive_period_seconds:.0f} s by default",),
    "ListTroublesRequest.page_size": (f"1 to {bounds.MAX_PAGE}; 0 means {servicers_alarms.DEFAULT_PAGE}.",),
    "ListSyncRunsRequest.page_size": (f"1 to {bounds.MAX_PAGE}; 0 means {keeping.DEFAULT_PAGE}.",),
    "SyncRun.detail": (f"at most {MAX_DETAIL} characters",),
    "SyncRun.refusals": (f"at most {syncs.MAX_REFUSALS}.",),
    "SyncRun.remarks": (f"at most {syncs.MAX_REMARKS}.",),
    "PortServer.sites": (f"1 to {list_feed.MAX_SITES}.",),
    "PortServer.model_version": (TEXT,),
    "PortServer.server_version": (TEXT,),
    "FetchReferencesRequest.reference_ids": (f"1 to {bounds.MAX_PAGE},",),
    "FetchReferencesResponse.data": (
        f"at most {bounds.PHOTO_CHUNK_BYTES // 1000} kB",
        f"at most {bounds.MAX_PHOTO_BYTES // 10**6} MB",
    ),
    "ListFeedService.FollowList": (f"each {ServerSettings().keep_alive_period_seconds:.0f} s by default",),
    "GetSubjectRequest.include_photos": (f"at most {subjects.MAX_PICTURES}, ",),
    "GetSubjectRequest.photo_references": (f"at most {subjects.MAX_PICTURES};",),
    "SubjectFilter.text": (f"at most {MAX_SEARCH_TEXT} printable characters",),
    "SubjectFilter.agency": (f"at most {MAX_SEARCH_TEXT} printable characters",),
    "ListSubjectsResponse.next_page_token": (f"at most {MAX_READ} subjects",),
    "GetSubjectHistoryResponse.events": (f"newest {MAX_EVENTS},",),
    "ListAlertsRequest.subject_id": (f"At most {bounds.MAX_WORD} printable characters",),
    "ListAlertsRequest.counter": (f"At most {bounds.MAX_WORD} printable characters",),
    "ListAlertsRequest.handled_by": (f"At most {MAX_DISPLAY_NAME} printable characters",),
    "ImportRecord.photo_names": (f"at most {bounds.MAX_PHOTOS_PER_RECORD}.",),
    "PhotoChunk.data": (
        f"At most {bounds.PHOTO_CHUNK_BYTES // 1000} kB",
        f"at most {bounds.MAX_PHOTO_BYTES // 10**6} MB",
        f"at most {bounds.MAX_CHUNKS} chunks",
    ),
}


@pytest.mark.parametrize("element", STATED)
def test_comments_state_the_programs_figures(element: str) -> None:
    comment = comments()[element]
    for words in STATED[element]:
        assert words in comment


def test_bytes_are_counted_in_whole_thousands() -> None:
    assert not bounds.MAX_CROP_BYTES % 1000
    assert not bounds.PHOTO_CHUNK_BYTES % 1000
    assert not bounds.MAX_PHOTO_BYTES % 10**6
    assert not bounds.MAX_CROP_PIXELS % 10**6
    assert not MAX_FACE_JPEG_BYTES % 1000


def test_every_most_that_a_comment_states_is_held_here() -> None:
    stating = {
        element for element, comment in comments().items() if re.search(r"\b[Aa]t most (the newest )?\d", comment)
    }
    assert stating <= set(STATED)

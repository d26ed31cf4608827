"""The catalogue of errors that a client can see.

Each code has a kind and a public message. The text of an exception itself never leaves the server.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum, auto
from types import MappingProxyType
from typing import ClassVar, Self


class Kind(StrEnum):
    """Kinds of errors; `grpc_api/errors.py` maps each to its gRPC status."""

    INVALID_ARGUMENT = "INVALID_ARGUMENT"
    NOT_FOUND = "NOT_FOUND"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    PERMISSION_DENIED = "PERMISSION_DENIED"
    FAILED_PRECONDITION = "FAILED_PRECONDITION"
    RESOURCE_EXHAUSTED = "RESOURCE_EXHAUSTED"
    UNAVAILABLE = "UNAVAILABLE"
    INTERNAL = "INTERNAL"


class Code(StrEnum):
    """An error code, with its kind and the public message that a client gets."""

    kind: Kind
    message: str

    @staticmethod
    def _generate_next_value_(name: str, start: int, count: int, last_values: list[str]) -> str:  # noqa: ARG004
        return name

    def __new__(cls, name: str, kind: Kind = Kind.INTERNAL, message: str = "") -> Self:
        """The defaults are for lookups like `Code("INTERNAL")`, which take the name alone."""
        code = str.__new__(cls, name)
        code._value_, code.kind, code.message = name, kind, message
        return code

    # The capture stream.
    HELLO_EXPECTED = auto(), Kind.INVALID_ARGUMENT, "The first message of a capture stream must be hello."
    HELLO_REPEATED = auto(), Kind.INVALID_ARGUMENT, "Hello may be sent once a stream."
    HELLO_TIMEOUT = auto(), Kind.INVALID_ARGUMENT, "Hello did not arrive in time."
    UNKNOWN_CAMERA = auto(), Kind.NOT_FOUND, "No camera with this key is configured on the server."
    CLIENT_TIME_INVALID = auto(), Kind.INVALID_ARGUMENT, "The client's timestamp is not a valid time."
    MESSAGE_EMPTY = auto(), Kind.INVALID_ARGUMENT, "The message has no content that this server knows."
    CREDIT_EXCEEDED = auto(), Kind.RESOURCE_EXHAUSTED, "The camera sent more faces than it had credits."
    STREAM_SILENT = auto(), Kind.UNAVAILABLE, "No heartbeat came for three periods."
    # One capture.
    CAPTURE_ID_INVALID = auto(), Kind.INVALID_ARGUMENT, "The capture id is not a UUID of version 7."
    TRACK_ID_INVALID = auto(), Kind.INVALID_ARGUMENT, "The track id must have 1 to 64 printable characters."
    RUN_ID_INVALID = auto(), Kind.INVALID_ARGUMENT, "The id of the client's run is not a UUID."
    CAPTURE_TIME_UNPLACEABLE = (
        auto(),
        Kind.INVALID_ARGUMENT,
        "The capture time is missing or impossible.",
    )
    CROP_TOO_LARGE = auto(), Kind.INVALID_ARGUMENT, "The crop has more bytes than the contract allows."
    CROP_NOT_JPEG = auto(), Kind.INVALID_ARGUMENT, "The crop is not a baseline JPEG in one scan."
    CROP_DAMAGED = auto(), Kind.INVALID_ARGUMENT, "The crop is a damaged or truncated JPEG."
    CROP_TOO_MANY_PIXELS = auto(), Kind.INVALID_ARGUMENT, "The crop has more pixels than the contract allows."
    CROP_WITHOUT_TEMPLATE = auto(), Kind.INVALID_ARGUMENT, "No template can be made of the crop."
    LANDMARKS_INVALID = auto(), Kind.INVALID_ARGUMENT, "The landmarks are missing, outside the crop, or not a face."
    QUALITY_INVALID = auto(), Kind.INVALID_ARGUMENT, "A quality figure is out of its range."
    # Requests.
    ARGUMENT_INVALID = auto(), Kind.INVALID_ARGUMENT, "A field of the request is out of its bounds."
    PAGE_TOKEN_INVALID = auto(), Kind.INVALID_ARGUMENT, "The page token was not issued by this server."
    COUNTER_UNKNOWN = auto(), Kind.INVALID_ARGUMENT, "No camera of this server is at a counter of the filter."
    ALERT_NOT_FOUND = auto(), Kind.NOT_FOUND, "There is no alert with this key."
    TROUBLE_NOT_FOUND = auto(), Kind.NOT_FOUND, "No problem has this key."
    SUBJECT_NOT_FOUND = auto(), Kind.NOT_FOUND, "There is no subject with this key."
    POSITION_TOO_OLD = auto(), Kind.FAILED_PRECONDITION, "These events are no longer kept; begin from the start."
    POSITION_UNKNOWN = auto(), Kind.FAILED_PRECONDITION, "The event log has no such position; begin from the start."
    # Ports with servers of their own.
    REPORT_OUT_OF_ORDER = (
        auto(),
        Kind.FAILED_PRECONDITION,
        "The port's reports do not follow the stored ones; connect again and continue from there.",
    )
    REPORTS_TOO_MANY = auto(), Kind.RESOURCE_EXHAUSTED, "The port sent more events than its window allows."
    PORT_REPLACED = auto(), Kind.FAILED_PRECONDITION, "The port now reports over another stream."
    PORT_AWAY = (
        auto(),
        Kind.UNAVAILABLE,
        "The port cannot give its picture now; try again when it is connected, or view it at the port.",
    )
    ALERT_OF_PORT = auto(), Kind.FAILED_PRECONDITION, "A port's own server keeps this alert; it is decided there."
    HAND_OVER_GONE = (
        auto(),
        Kind.NOT_FOUND,
        "No such hand-over waits for this person: it was taken over or removed, or they left it themselves.",
    )
    # Adjudication.
    ALERT_HELD = auto(), Kind.FAILED_PRECONDITION, "Another person holds this alert."
    ALERT_NOT_CLAIMED = auto(), Kind.FAILED_PRECONDITION, "Nobody holds this alert; claim it first."
    ALERT_STATE_WRONG = auto(), Kind.FAILED_PRECONDITION, "This step is not possible in the alert's present state."
    ORDER_IN_FORCE = auto(), Kind.FAILED_PRECONDITION, "An order of the candidate is in force: it has not ended."
    ALERT_CHANGED = auto(), Kind.FAILED_PRECONDITION, "The alert has changed since it was shown; check it again."
    CANDIDATE_UNKNOWN = (
        auto(),
        Kind.FAILED_PRECONDITION,
        "The alert has no such candidate without a judgement.",
    )
    OUTCOME_NOT_ALLOWED = auto(), Kind.INVALID_ARGUMENT, "This outcome is not possible in this step."
    REASON_INVALID = auto(), Kind.INVALID_ARGUMENT, "The reason does not belong to this outcome."
    NOTE_INVALID = (
        auto(),
        Kind.INVALID_ARGUMENT,
        "A text is missing, longer than 1000 characters, or has characters that cannot be shown.",
    )
    CONTACT_TIME_AHEAD = auto(), Kind.INVALID_ARGUMENT, "The contact's time is later than the server's clock."
    REFERENCE_INVALID = auto(), Kind.INVALID_ARGUMENT, "The reference number does not have the required form."
    ORDER_NOT_IN_FORCE = auto(), Kind.FAILED_PRECONDITION, "No order of this alert is in force any more."
    REFERENCE_OWED = auto(), Kind.FAILED_PRECONDITION, "The reference number of Cekal Online has to be entered first."
    OFFICER_THERE = (
        auto(),
        Kind.FAILED_PRECONDITION,
        "An officer is signed in at this site and judges the alert; two supervisors confirm where none is.",
    )
    OFFICER_DISABLED = (
        auto(),
        Kind.FAILED_PRECONDITION,
        "Who judged the alert was disabled since; take it over, so that somebody else looks.",
    )
    FOLLOW_UP_MISSING = auto(), Kind.FAILED_PRECONDITION, "A confirmed alert needs a follow-up before it is closed."
    TOO_MANY_FOLLOW_UPS = auto(), Kind.RESOURCE_EXHAUSTED, "The alert cannot hold more follow-ups."
    # The watchlist.
    RECORD_EXPECTED = auto(), Kind.INVALID_ARGUMENT, "A photograph came that its record did not announce."
    RECORD_INVALID = auto(), Kind.INVALID_ARGUMENT, "A field of the record is missing or cannot be read."
    PHOTO_TOO_LARGE = auto(), Kind.INVALID_ARGUMENT, "The photograph is too large, or takes too long to decode."
    PHOTO_UNREADABLE = auto(), Kind.INVALID_ARGUMENT, "The photograph cannot be read."
    PHOTO_HEIC = auto(), Kind.INVALID_ARGUMENT, "The photograph is a HEIC of a phone: save it as JPEG."
    PHOTO_GIF = auto(), Kind.INVALID_ARGUMENT, "The photograph is a GIF: save the original as JPEG."
    PHOTO_NIST_PACKAGE = auto(), Kind.INVALID_ARGUMENT, "The photograph is a NIST package: import it as one."
    PHOTO_MISSING = auto(), Kind.INVALID_ARGUMENT, "The photograph that the record names is missing."
    PHOTO_NO_FACE = auto(), Kind.INVALID_ARGUMENT, "No face was found in the photograph."
    PHOTO_SEVERAL_FACES = auto(), Kind.INVALID_ARGUMENT, "Several faces were found in the photograph."
    PHOTO_FACE_TOO_SMALL = auto(), Kind.INVALID_ARGUMENT, "The face in the photograph is too small."
    PHOTO_FACE_TURNED = auto(), Kind.INVALID_ARGUMENT, "The face in the photograph is turned too far."
    PHOTO_BLURRED = auto(), Kind.INVALID_ARGUMENT, "The face in the photograph is too blurred."
    PHOTO_BADLY_LIT = auto(), Kind.INVALID_ARGUMENT, "The face in the photograph is too dark or too bright."
    UPLOAD_STALLED = auto(), Kind.UNAVAILABLE, "The import was not continued in time."
    SUBJECT_FULL = (
        auto(),
        Kind.INVALID_ARGUMENT,
        "The subject has the largest possible number of orders or photographs.",
    )
    # A list as one file.
    LIST_FILE_EXPECTED = auto(), Kind.INVALID_ARGUMENT, "A list file begins, comes in chunks of its size, and ends."
    LIST_FILE_TOO_LARGE = (
        auto(),
        Kind.INVALID_ARGUMENT,
        "The list file has too many bytes or rows; import the folder at the server instead.",
    )
    LIST_FILE_UNREADABLE = auto(), Kind.INVALID_ARGUMENT, "The file is damaged, or is not a list."
    LIST_FILE_SEALED = auto(), Kind.INVALID_ARGUMENT, "The file has a password, or is an XLS of before 2007."
    LIST_COLUMNS_WRONG = auto(), Kind.INVALID_ARGUMENT, "The table does not have the columns of a list."
    IMPORT_OUTDATED = (
        auto(),
        Kind.FAILED_PRECONDITION,
        "The stored data of these orders has changed since the preview; make another one.",
    )
    ORDER_CHANGED = auto(), Kind.FAILED_PRECONDITION, "The order has changed since the preview."
    SILENCES_ORDERS = (
        auto(),
        Kind.FAILED_PRECONDITION,
        "Orders in force would no longer alert: a second person must sign for it.",
    )
    ORDER_OF_SOURCE = (
        auto(),
        Kind.FAILED_PRECONDITION,
        "A source keeps the order; correct it there.",
    )
    # The list of a centre.
    LIST_POSITION_UNKNOWN = auto(), Kind.FAILED_PRECONDITION, "The list has no such position; begin from the start."
    PORT_FOLLOWED_ELSEWHERE = (
        auto(),
        Kind.FAILED_PRECONDITION,
        "Another program with this certificate follows the list: end it, or invite each server separately.",
    )
    # Its look-alikes.
    LOOKALIKES_CHANGED = (
        auto(),
        Kind.FAILED_PRECONDITION,
        "The photographs or the judgement of these two have changed: check them again.",
    )
    NOT_LOOKALIKES = (
        auto(),
        Kind.FAILED_PRECONDITION,
        "These two are not alike enough to be judged, or one of them is not searched now.",
    )
    # Its synchronisation.
    SYNC_NOT_CONFIGURED = (
        auto(),
        Kind.FAILED_PRECONDITION,
        "No source of the watchlist is configured: set [watchlist.source] (docs/connect-cekal.md).",
    )
    LAW_ROW_INVALID = auto(), Kind.INVALID_ARGUMENT, "Figures of this row contradict one another, or lack an article."
    AGENCY_INVALID = auto(), Kind.INVALID_ARGUMENT, "An agency has a code of capitals, digits and hyphens, and a name."
    AGENCY_NAME_TAKEN = auto(), Kind.FAILED_PRECONDITION, "One of the names stands for another agency."
    AGENCY_CHANGED = auto(), Kind.FAILED_PRECONDITION, "Somebody else has changed this agency; look at it again."
    AGENCY_NOT_FOUND = auto(), Kind.NOT_FOUND, "No agency has this code."
    AGENCIES_TOO_MANY = auto(), Kind.RESOURCE_EXHAUSTED, "The list cannot hold more agencies."
    KEPT_BY_CENTRE = auto(), Kind.FAILED_PRECONDITION, "The centre keeps this; change it there."
    SYNC_RUNNING = auto(), Kind.FAILED_PRECONDITION, "A synchronisation is running; wait until it has ended."
    SYNC_TAKEN_OVER = auto(), Kind.UNAVAILABLE, "Another server has taken over the synchronisation."
    SHRINK_NOT_WAITING = auto(), Kind.FAILED_PRECONDITION, "No shrunken list of that run waits to be accepted."
    SOURCE_UNAVAILABLE = auto(), Kind.UNAVAILABLE, "The source cannot be reached, or gives no list."
    SOURCE_INCOMPLETE = auto(), Kind.UNAVAILABLE, "The source gave fewer records than it announced."
    SOURCE_TOO_COSTLY = (
        auto(),
        Kind.FAILED_PRECONDITION,
        "The list takes too much memory or time to read: it is damaged, malicious, or too large.",
    )
    SOURCE_UNREADABLE = auto(), Kind.FAILED_PRECONDITION, "No record of the source can be read; check its mapping."
    # Rights.
    IDENTITY_INVALID = (
        auto(),
        Kind.UNAUTHENTICATED,
        "The certificate does not name a device as cekalwatch://SITE/ROLE/NAME.",
    )
    CERTIFICATE_REVOKED = auto(), Kind.UNAUTHENTICATED, "The certificate was revoked; enrol the device again."
    CERTIFICATE_EXPIRED = auto(), Kind.UNAUTHENTICATED, "The certificate has expired; renew it."
    METHOD_NOT_ALLOWED = auto(), Kind.PERMISSION_DENIED, "A device of this role may not call this method."
    SITE_NOT_ALLOWED = auto(), Kind.PERMISSION_DENIED, "The certificate belongs to another site."
    NAME_NOT_ALLOWED = auto(), Kind.PERMISSION_DENIED, "The certificate belongs to another device."
    PROXY_NOT_ALLOWED = (
        auto(),
        Kind.PERMISSION_DENIED,
        "Plaintext is for programs on this machine, and this call came through a proxy; use certificates.",
    )
    CLIENT_TOO_OLD = (
        auto(),
        Kind.PERMISSION_DENIED,
        "This program is too old for the server; install the server's version (docs/upgrading.md).",
    )
    INVITATION_INVALID = auto(), Kind.PERMISSION_DENIED, "The code is wrong, was used already, or has expired."
    AUTHORITY_UNAVAILABLE = (
        auto(),
        Kind.UNAVAILABLE,
        "The site's authority cannot be used now. Nothing was done; a code stays valid. See the server's log.",
    )
    AUTHORITY_NOT_HERE = (
        auto(),
        Kind.FAILED_PRECONDITION,
        "This server does not hold the site's authority; ask the one that does (docs/certificates.md).",
    )
    ENROLMENT_CLOSED = auto(), Kind.FAILED_PRECONDITION, "No device can enrol: set enrolment_listen on the server."
    DEVICE_INVALID = auto(), Kind.INVALID_ARGUMENT, "A device cannot have such a role, site or name."
    DEVICE_UNKNOWN = auto(), Kind.NOT_FOUND, "This device has neither a certificate in force nor an open invitation."
    DEVICE_HAS_CERTIFICATE = (
        auto(),
        Kind.FAILED_PRECONDITION,
        "The device has a certificate in force; revoke it before it is invited again.",
    )
    DEVICE_KEPT_ELSEWHERE = (
        auto(),
        Kind.PERMISSION_DENIED,
        "This is done on the server's machine only: cekalwatch-server pki (docs/certificates.md).",
    )
    POLICY_OUT_OF_BOUNDS = (
        auto(),
        Kind.INVALID_ARGUMENT,
        "A figure is out of the bounds within which a camera is useful.",
    )
    POLICY_CHANGED = auto(), Kind.FAILED_PRECONDITION, "Somebody else has changed this policy; check it again."
    # Pictures for aiming cameras.
    PICTURE_UNASKED = auto(), Kind.INVALID_ARGUMENT, "The camera sent a picture that nobody asked for."
    CAMERA_AWAY = auto(), Kind.FAILED_PRECONDITION, "The camera is not connected."
    CAMERA_ELSEWHERE = auto(), Kind.FAILED_PRECONDITION, "The camera is connected to another server; ask that one."
    CAMERA_TOO_OLD = auto(), Kind.FAILED_PRECONDITION, "The camera's client is too old to give pictures; upgrade it."
    CAMERA_LOOKS_ELSEWHERE = (
        auto(),
        Kind.FAILED_PRECONDITION,
        "The camera turns, or its position is not known; try again later.",
    )
    CAMERA_GIVES_NO_PICTURE = auto(), Kind.FAILED_PRECONDITION, "The camera gave no picture in time."
    CAMERA_PICTURE_UNDER_WAY = (
        auto(),
        Kind.RESOURCE_EXHAUSTED,
        "Somebody else is getting a picture of this camera; try again in a few seconds.",
    )
    CAMERA_PICTURES_TOO_MANY = (
        auto(),
        Kind.RESOURCE_EXHAUSTED,
        "You have asked for pictures of this camera too often; wait 10 seconds.",
    )
    SURVEY_INVALID = auto(), Kind.INVALID_ARGUMENT, "A figure of the survey is missing or out of its bounds."
    SURVEYS_TOO_MANY = auto(), Kind.RESOURCE_EXHAUSTED, "This camera reports surveys too often; wait a minute."
    # Limits.
    CALLS_TOO_MANY = auto(), Kind.RESOURCE_EXHAUSTED, "The device has too many open calls."
    RATE_EXCEEDED = auto(), Kind.RESOURCE_EXHAUSTED, "The device calls too often; try again later."
    REQUEST_STALLED = auto(), Kind.UNAVAILABLE, "The request did not arrive in time."
    READER_STALLED = auto(), Kind.UNAVAILABLE, "The client did not read its messages."
    STREAM_ELSEWHERE = auto(), Kind.UNAVAILABLE, "A newer stream of this device has taken this one's place."
    TOO_MANY_AGENTS = auto(), Kind.RESOURCE_EXHAUSTED, "The server cannot keep track of more agents."
    # People.
    SIGN_IN_NEEDED = auto(), Kind.UNAUTHENTICATED, "A person must sign in on this device first."
    SIGN_IN_REFUSED = auto(), Kind.UNAUTHENTICATED, "The name or the proof of identity is wrong."
    SIGN_IN_LOCKED = (
        auto(),
        Kind.RESOURCE_EXHAUSTED,
        "Too many wrong passwords for this name; wait up to 15 minutes, or ask an administrator to unlock it.",
    )
    SIGN_IN_TOO_OFTEN = (
        auto(),
        Kind.RESOURCE_EXHAUSTED,
        "Too many wrong passwords on this device; wait two minutes and try again.",
    )
    SIGN_IN_BUSY = auto(), Kind.RESOURCE_EXHAUSTED, "Too many people are signing in; try again."
    SIGN_IN_NOT_OFFERED = auto(), Kind.FAILED_PRECONDITION, "This way to sign in is not configured on the server."
    PROVIDER_UNAVAILABLE = auto(), Kind.UNAVAILABLE, "The identity provider cannot be reached, or does not work."
    SIGN_IN_NOT_FRESH = auto(), Kind.UNAUTHENTICATED, "The identity provider did not ask the person to sign in again."
    SESSION_ENDED = auto(), Kind.UNAUTHENTICATED, "The session has ended, or belongs to another device; sign in again."
    PERSON_ROLE_NEEDED = auto(), Kind.PERMISSION_DENIED, "The person does not have a role that may do this."
    PERSON_SITE_NOT_ALLOWED = auto(), Kind.PERMISSION_DENIED, "The person does not work at this device's site."
    SECOND_PERSON_NEEDED = auto(), Kind.UNAUTHENTICATED, "This needs a second person, who signs in each time."
    SECOND_PERSON_ELSEWHERE = (
        auto(),
        Kind.PERMISSION_DENIED,
        "The second person signed for something else, or for another session; sign in again for this.",
    )
    APPROVAL_GONE = (
        auto(),
        Kind.NOT_FOUND,
        "No request waits for this person at this device: it is over, or must be signed at another one.",
    )
    PERSON_UNKNOWN = auto(), Kind.NOT_FOUND, "There is nobody with this sign-in name."
    PERSON_CHANGED = auto(), Kind.FAILED_PRECONDITION, "Somebody else has changed this person; check the record again."
    PERSON_INVALID = auto(), Kind.INVALID_ARGUMENT, "A person cannot have such a name, or lacks a role or a site."
    SIGN_IN_NAME_TAKEN = (
        auto(),
        Kind.FAILED_PRECONDITION,
        "Somebody already has this sign-in name, or one that looks like it.",
    )
    OWN_RECORD = auto(), Kind.PERMISSION_DENIED, "Nobody may change their own record."
    SAME_PERSON_TWICE = auto(), Kind.PERMISSION_DENIED, "This needs two different people."
    PASSWORD_CHANGE_NEEDED = auto(), Kind.PERMISSION_DENIED, "The first password must be changed before anything else."
    PASSWORD_NOT_KEPT_HERE = auto(), Kind.FAILED_PRECONDITION, "The identity provider keeps the password."
    PASSWORD_TOO_SHORT = auto(), Kind.INVALID_ARGUMENT, "A password must have at least 12 characters."
    PASSWORD_TOO_EASY = auto(), Kind.INVALID_ARGUMENT, "The password is easy to guess; use unrelated words."
    PASSWORD_NOT_CHANGED = auto(), Kind.INVALID_ARGUMENT, "The new password is the same as the present one."
    AUDIT_ENTRY_NOT_FOUND = auto(), Kind.NOT_FOUND, "The audit trail has no entry with this number."
    # The server.
    SERVER_BUSY = auto(), Kind.RESOURCE_EXHAUSTED, "The server is busy; try again later."
    GALLERY_EMPTY = (
        auto(),
        Kind.UNAVAILABLE,
        "Nobody can be searched, although the watchlist is not empty; the server's log and status say why.",
    )
    RECOGNISER_FAILED = auto(), Kind.UNAVAILABLE, "The server cannot make templates now; its log has the details."
    STORAGE_UNAVAILABLE = auto(), Kind.UNAVAILABLE, "The server cannot write to its database now."
    INTERNAL = auto(), Kind.INTERNAL, "The server failed; its log has the details."


def public_message(code: str | None) -> str:
    """Return the message of a code; empty for none, and for a code that only a newer server knows."""
    return Code(code).message if code in set(Code) else ""


class CekalwatchError(Exception):
    """An error of the catalogue. `detail` is for the log and never sent; it must hold no personal data."""

    may_be_logged: ClassVar = True

    told: Mapping[str, str] = MappingProxyType({})
    """More facts for the client, by name; they are for the person who made the call, and are never logged."""

    def __init__(self, code: Code, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else str(code))
        self.code = code
        self.detail = detail

    @property
    def of_the_request(self) -> bool:
        """Whether it is about the request itself, so that the same request would fail again."""
        return self.code.kind is Kind.INVALID_ARGUMENT

    @property
    def public_message(self) -> str:
        """The message that a client gets."""
        return self.code.message

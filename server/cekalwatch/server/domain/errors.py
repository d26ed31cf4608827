"""The catalogue of errors that a client can see.

Each code has a kind and one public message; an exception's own text never leaves the server.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple


class Kind(StrEnum):
    """What sort of error it is; `grpc_api/errors.py` gives each its gRPC status."""

    INVALID_ARGUMENT = "INVALID_ARGUMENT"
    NOT_FOUND = "NOT_FOUND"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    PERMISSION_DENIED = "PERMISSION_DENIED"
    FAILED_PRECONDITION = "FAILED_PRECONDITION"
    RESOURCE_EXHAUSTED = "RESOURCE_EXHAUSTED"
    UNAVAILABLE = "UNAVAILABLE"
    INTERNAL = "INTERNAL"


class CatalogueEntry(NamedTuple):
    """A code's kind and what a client is told."""

    kind: Kind
    message: str


class Code(StrEnum):
    """Every error code."""

    # The capture stream.
    HELLO_EXPECTED = "HELLO_EXPECTED"
    HELLO_REPEATED = "HELLO_REPEATED"
    HELLO_TIMEOUT = "HELLO_TIMEOUT"
    UNKNOWN_CAMERA = "UNKNOWN_CAMERA"
    MESSAGE_EMPTY = "MESSAGE_EMPTY"
    CREDIT_EXCEEDED = "CREDIT_EXCEEDED"
    STREAM_SILENT = "STREAM_SILENT"
    # One capture.
    CAPTURE_ID_INVALID = "CAPTURE_ID_INVALID"
    TRACK_ID_INVALID = "TRACK_ID_INVALID"
    RUN_ID_INVALID = "RUN_ID_INVALID"
    CAPTURE_TIME_MISSING = "CAPTURE_TIME_MISSING"
    CAPTURE_TIME_IN_FUTURE = "CAPTURE_TIME_IN_FUTURE"
    CROP_TOO_LARGE = "CROP_TOO_LARGE"
    CROP_NOT_JPEG = "CROP_NOT_JPEG"
    CROP_DAMAGED = "CROP_DAMAGED"
    CROP_TOO_MANY_PIXELS = "CROP_TOO_MANY_PIXELS"
    CROP_WITHOUT_TEMPLATE = "CROP_WITHOUT_TEMPLATE"
    LANDMARKS_INVALID = "LANDMARKS_INVALID"
    QUALITY_INVALID = "QUALITY_INVALID"
    # Requests.
    ARGUMENT_INVALID = "ARGUMENT_INVALID"
    PAGE_TOKEN_INVALID = "PAGE_TOKEN_INVALID"  # noqa: S105  # a code
    ALERT_NOT_FOUND = "ALERT_NOT_FOUND"
    SUBJECT_NOT_FOUND = "SUBJECT_NOT_FOUND"
    POSITION_TOO_OLD = "POSITION_TOO_OLD"
    POSITION_UNKNOWN = "POSITION_UNKNOWN"
    # Adjudication.
    ALERT_HELD = "ALERT_HELD"
    ALERT_NOT_CLAIMED = "ALERT_NOT_CLAIMED"
    ALERT_STATE_WRONG = "ALERT_STATE_WRONG"
    ALERT_CHANGED = "ALERT_CHANGED"
    OUTCOME_NOT_ALLOWED = "OUTCOME_NOT_ALLOWED"
    REASON_INVALID = "REASON_INVALID"
    NOTE_INVALID = "NOTE_INVALID"
    REFERENCE_INVALID = "REFERENCE_INVALID"
    ORDER_NOT_IN_FORCE = "ORDER_NOT_IN_FORCE"
    FOLLOW_UP_MISSING = "FOLLOW_UP_MISSING"
    TOO_MANY_FOLLOW_UPS = "TOO_MANY_FOLLOW_UPS"
    # The watchlist.
    RECORD_EXPECTED = "RECORD_EXPECTED"
    RECORD_INVALID = "RECORD_INVALID"
    PHOTO_TOO_LARGE = "PHOTO_TOO_LARGE"
    PHOTO_UNREADABLE = "PHOTO_UNREADABLE"
    PHOTO_MISSING = "PHOTO_MISSING"
    PHOTO_NO_FACE = "PHOTO_NO_FACE"
    PHOTO_SEVERAL_FACES = "PHOTO_SEVERAL_FACES"
    PHOTO_FACE_TOO_SMALL = "PHOTO_FACE_TOO_SMALL"
    PHOTO_FACE_TURNED = "PHOTO_FACE_TURNED"
    PHOTO_BLURRED = "PHOTO_BLURRED"
    PHOTO_BADLY_LIT = "PHOTO_BADLY_LIT"
    UPLOAD_STALLED = "UPLOAD_STALLED"
    SUBJECT_FULL = "SUBJECT_FULL"
    # Its synchronisation.
    SYNC_NOT_CONFIGURED = "SYNC_NOT_CONFIGURED"
    SYNC_RUNNING = "SYNC_RUNNING"
    SYNC_TAKEN_OVER = "SYNC_TAKEN_OVER"
    SHRINK_NOT_WAITING = "SHRINK_NOT_WAITING"
    SOURCE_UNAVAILABLE = "SOURCE_UNAVAILABLE"
    SOURCE_INCOMPLETE = "SOURCE_INCOMPLETE"
    SOURCE_UNREADABLE = "SOURCE_UNREADABLE"
    # Who may do what.
    IDENTITY_INVALID = "IDENTITY_INVALID"
    CERTIFICATE_REVOKED = "CERTIFICATE_REVOKED"
    CERTIFICATE_EXPIRED = "CERTIFICATE_EXPIRED"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    SITE_NOT_ALLOWED = "SITE_NOT_ALLOWED"
    NAME_NOT_ALLOWED = "NAME_NOT_ALLOWED"
    INVITATION_INVALID = "INVITATION_INVALID"
    # How much of it.
    CALLS_TOO_MANY = "CALLS_TOO_MANY"
    RATE_EXCEEDED = "RATE_EXCEEDED"
    REQUEST_STALLED = "REQUEST_STALLED"
    READER_STALLED = "READER_STALLED"
    TOO_MANY_AGENTS = "TOO_MANY_AGENTS"
    # People.
    SIGN_IN_NEEDED = "SIGN_IN_NEEDED"
    SIGN_IN_REFUSED = "SIGN_IN_REFUSED"
    SIGN_IN_LOCKED = "SIGN_IN_LOCKED"
    SIGN_IN_BUSY = "SIGN_IN_BUSY"
    SIGN_IN_NOT_OFFERED = "SIGN_IN_NOT_OFFERED"
    PROVIDER_UNAVAILABLE = "PROVIDER_UNAVAILABLE"
    SESSION_ENDED = "SESSION_ENDED"
    PERSON_ROLE_NEEDED = "PERSON_ROLE_NEEDED"
    PERSON_SITE_NOT_ALLOWED = "PERSON_SITE_NOT_ALLOWED"
    SECOND_PERSON_NEEDED = "SECOND_PERSON_NEEDED"
    SAME_PERSON_TWICE = "SAME_PERSON_TWICE"
    PASSWORD_CHANGE_NEEDED = "PASSWORD_CHANGE_NEEDED"  # noqa: S105  # a code
    PASSWORD_NOT_KEPT_HERE = "PASSWORD_NOT_KEPT_HERE"  # noqa: S105
    PASSWORD_TOO_SHORT = "PASSWORD_TOO_SHORT"  # noqa: S105
    PASSWORD_TOO_EASY = "PASSWORD_TOO_EASY"  # noqa: S105
    PASSWORD_NOT_CHANGED = "PASSWORD_NOT_CHANGED"  # noqa: S105
    # The server.
    SERVER_BUSY = "SERVER_BUSY"
    STORAGE_UNAVAILABLE = "STORAGE_UNAVAILABLE"
    INTERNAL = "INTERNAL"


CATALOGUE: dict[Code, CatalogueEntry] = {
    Code.HELLO_EXPECTED: CatalogueEntry(Kind.INVALID_ARGUMENT, "The first message of a capture stream must be hello."),
    Code.HELLO_REPEATED: CatalogueEntry(Kind.INVALID_ARGUMENT, "A capture stream takes hello once."),
    Code.HELLO_TIMEOUT: CatalogueEntry(Kind.INVALID_ARGUMENT, "No hello came in time."),
    Code.UNKNOWN_CAMERA: CatalogueEntry(Kind.NOT_FOUND, "The server's configuration has no camera of this key."),
    Code.MESSAGE_EMPTY: CatalogueEntry(Kind.INVALID_ARGUMENT, "The message has no content that this server knows."),
    Code.CREDIT_EXCEEDED: CatalogueEntry(Kind.RESOURCE_EXHAUSTED, "More faces were sent than there were credits."),
    Code.STREAM_SILENT: CatalogueEntry(Kind.UNAVAILABLE, "No heartbeat came for three periods."),
    Code.CAPTURE_ID_INVALID: CatalogueEntry(Kind.INVALID_ARGUMENT, "The capture id is not a UUID of version 7."),
    Code.TRACK_ID_INVALID: CatalogueEntry(
        Kind.INVALID_ARGUMENT, "The track id must have 1 to 64 printable characters."
    ),
    Code.RUN_ID_INVALID: CatalogueEntry(Kind.INVALID_ARGUMENT, "The id of the client's run is not a UUID."),
    Code.CAPTURE_TIME_MISSING: CatalogueEntry(Kind.INVALID_ARGUMENT, "The capture time is missing or out of range."),
    Code.CAPTURE_TIME_IN_FUTURE: CatalogueEntry(
        Kind.INVALID_ARGUMENT, "The capture time is ahead of the server's clock."
    ),
    Code.CROP_TOO_LARGE: CatalogueEntry(Kind.INVALID_ARGUMENT, "The crop has more bytes than the contract allows."),
    Code.CROP_NOT_JPEG: CatalogueEntry(Kind.INVALID_ARGUMENT, "The crop is not a JPEG."),
    Code.CROP_DAMAGED: CatalogueEntry(Kind.INVALID_ARGUMENT, "The crop is a damaged or truncated JPEG."),
    Code.CROP_TOO_MANY_PIXELS: CatalogueEntry(
        Kind.INVALID_ARGUMENT, "The crop has more pixels than the contract allows."
    ),
    Code.CROP_WITHOUT_TEMPLATE: CatalogueEntry(Kind.INVALID_ARGUMENT, "The recogniser makes no template of the crop."),
    Code.LANDMARKS_INVALID: CatalogueEntry(
        Kind.INVALID_ARGUMENT, "The landmarks are missing, not finite, outside the crop or no face."
    ),
    Code.QUALITY_INVALID: CatalogueEntry(Kind.INVALID_ARGUMENT, "A quality figure is out of its range."),
    Code.ARGUMENT_INVALID: CatalogueEntry(Kind.INVALID_ARGUMENT, "A field of the request is out of its bounds."),
    Code.PAGE_TOKEN_INVALID: CatalogueEntry(Kind.INVALID_ARGUMENT, "The page token is not one of this server's."),
    Code.ALERT_NOT_FOUND: CatalogueEntry(Kind.NOT_FOUND, "There is no alert of this key."),
    Code.SUBJECT_NOT_FOUND: CatalogueEntry(Kind.NOT_FOUND, "There is no subject of this key."),
    Code.POSITION_TOO_OLD: CatalogueEntry(
        Kind.FAILED_PRECONDITION, "Events after this sequence are no longer held; begin from the start."
    ),
    Code.POSITION_UNKNOWN: CatalogueEntry(
        Kind.FAILED_PRECONDITION, "The event log does not reach this sequence; begin from the start."
    ),
    Code.ALERT_HELD: CatalogueEntry(Kind.FAILED_PRECONDITION, "Somebody else holds this alert."),
    Code.ALERT_NOT_CLAIMED: CatalogueEntry(Kind.FAILED_PRECONDITION, "Nobody holds this alert now; claim it first."),
    Code.ALERT_STATE_WRONG: CatalogueEntry(
        Kind.FAILED_PRECONDITION, "The alert stands where this step cannot be made."
    ),
    Code.ALERT_CHANGED: CatalogueEntry(
        Kind.FAILED_PRECONDITION, "The alert has changed since it was shown; look at it again."
    ),
    Code.OUTCOME_NOT_ALLOWED: CatalogueEntry(Kind.INVALID_ARGUMENT, "This step does not take this outcome."),
    Code.REASON_INVALID: CatalogueEntry(Kind.INVALID_ARGUMENT, "The reason is none of this outcome's."),
    Code.NOTE_INVALID: CatalogueEntry(
        Kind.INVALID_ARGUMENT, "A text is missing, longer than 1000 characters, or has characters that cannot be shown."
    ),
    Code.REFERENCE_INVALID: CatalogueEntry(
        Kind.INVALID_ARGUMENT, "The reference number of Cekal Online does not have the form that is set."
    ),
    Code.ORDER_NOT_IN_FORCE: CatalogueEntry(Kind.FAILED_PRECONDITION, "No order of this alert is in force any more."),
    Code.FOLLOW_UP_MISSING: CatalogueEntry(Kind.FAILED_PRECONDITION, "A hit is closed once a follow-up is recorded."),
    Code.TOO_MANY_FOLLOW_UPS: CatalogueEntry(
        Kind.RESOURCE_EXHAUSTED, "The alert has as many follow-ups as it can hold."
    ),
    Code.RECORD_EXPECTED: CatalogueEntry(Kind.INVALID_ARGUMENT, "A photograph came that its record did not announce."),
    Code.RECORD_INVALID: CatalogueEntry(Kind.INVALID_ARGUMENT, "A field of the record is missing or cannot be read."),
    Code.PHOTO_TOO_LARGE: CatalogueEntry(Kind.INVALID_ARGUMENT, "The photograph has too many bytes or pixels."),
    Code.PHOTO_UNREADABLE: CatalogueEntry(Kind.INVALID_ARGUMENT, "The photograph cannot be read."),
    Code.PHOTO_MISSING: CatalogueEntry(Kind.INVALID_ARGUMENT, "The photograph that the record names did not come."),
    Code.PHOTO_NO_FACE: CatalogueEntry(Kind.INVALID_ARGUMENT, "No face was found in the photograph."),
    Code.PHOTO_SEVERAL_FACES: CatalogueEntry(Kind.INVALID_ARGUMENT, "Several faces were found in the photograph."),
    Code.PHOTO_FACE_TOO_SMALL: CatalogueEntry(Kind.INVALID_ARGUMENT, "The face in the photograph is too small."),
    Code.PHOTO_FACE_TURNED: CatalogueEntry(
        Kind.INVALID_ARGUMENT, "The face in the photograph is turned too far away; take one from the front."
    ),
    Code.PHOTO_BLURRED: CatalogueEntry(
        Kind.INVALID_ARGUMENT, "The face in the photograph is too blurred to be told from others."
    ),
    Code.PHOTO_BADLY_LIT: CatalogueEntry(
        Kind.INVALID_ARGUMENT, "The face in the photograph is too dark or too bright to be told from others."
    ),
    Code.IDENTITY_INVALID: CatalogueEntry(
        Kind.UNAUTHENTICATED, "The certificate does not name a device as cekalwatch://SITE/ROLE/NAME."
    ),
    Code.CERTIFICATE_REVOKED: CatalogueEntry(
        Kind.UNAUTHENTICATED, "The certificate was revoked; enrol the device anew."
    ),
    Code.CERTIFICATE_EXPIRED: CatalogueEntry(Kind.UNAUTHENTICATED, "The certificate has run out; renew it."),
    Code.METHOD_NOT_ALLOWED: CatalogueEntry(Kind.PERMISSION_DENIED, "A device of this role may not call this method."),
    Code.SITE_NOT_ALLOWED: CatalogueEntry(Kind.PERMISSION_DENIED, "The certificate is of another site."),
    Code.NAME_NOT_ALLOWED: CatalogueEntry(
        Kind.PERMISSION_DENIED, "The certificate is of another device; one speaks for itself."
    ),
    Code.INVITATION_INVALID: CatalogueEntry(
        Kind.PERMISSION_DENIED, "The code is wrong, was used already, or has run out."
    ),
    Code.SUBJECT_FULL: CatalogueEntry(Kind.INVALID_ARGUMENT, "As many are held of this subject as there may be."),
    Code.UPLOAD_STALLED: CatalogueEntry(Kind.UNAVAILABLE, "The import was not carried on in time."),
    Code.CALLS_TOO_MANY: CatalogueEntry(Kind.RESOURCE_EXHAUSTED, "The device has too many calls open."),
    Code.RATE_EXCEEDED: CatalogueEntry(Kind.RESOURCE_EXHAUSTED, "The device asks too often; try again later."),
    Code.REQUEST_STALLED: CatalogueEntry(Kind.UNAVAILABLE, "The request did not arrive in time."),
    Code.READER_STALLED: CatalogueEntry(Kind.UNAVAILABLE, "The client did not read what it was sent."),
    Code.TOO_MANY_AGENTS: CatalogueEntry(
        Kind.RESOURCE_EXHAUSTED, "There are as many agents as this server keeps apart."
    ),
    Code.SERVER_BUSY: CatalogueEntry(Kind.RESOURCE_EXHAUSTED, "The server has too much to do now; try again later."),
    Code.SIGN_IN_NEEDED: CatalogueEntry(Kind.UNAUTHENTICATED, "A person must sign in on this device first."),
    Code.SIGN_IN_REFUSED: CatalogueEntry(Kind.UNAUTHENTICATED, "The name or the proof of who it is is wrong."),
    Code.SIGN_IN_LOCKED: CatalogueEntry(
        Kind.RESOURCE_EXHAUSTED, "Too many wrong passwords for this name; wait up to 15 minutes, or ask to unlock it."
    ),
    Code.SIGN_IN_BUSY: CatalogueEntry(Kind.RESOURCE_EXHAUSTED, "Too many people sign in at this moment; try again."),
    Code.SIGN_IN_NOT_OFFERED: CatalogueEntry(
        Kind.FAILED_PRECONDITION, "The server's configuration does not offer this way to sign in."
    ),
    Code.PROVIDER_UNAVAILABLE: CatalogueEntry(
        Kind.UNAVAILABLE, "The identity provider cannot be reached, or is out of order."
    ),
    Code.SESSION_ENDED: CatalogueEntry(
        Kind.UNAUTHENTICATED, "The session has ended, or is of another device; sign in again."
    ),
    Code.PERSON_ROLE_NEEDED: CatalogueEntry(Kind.PERMISSION_DENIED, "The person has no role that may do this."),
    Code.PERSON_SITE_NOT_ALLOWED: CatalogueEntry(
        Kind.PERMISSION_DENIED, "The person does not work at this device's site."
    ),
    Code.SECOND_PERSON_NEEDED: CatalogueEntry(
        Kind.UNAUTHENTICATED, "This needs a second person, who signs in anew on this device for each time."
    ),
    Code.SAME_PERSON_TWICE: CatalogueEntry(Kind.PERMISSION_DENIED, "This needs two different people."),
    Code.PASSWORD_CHANGE_NEEDED: CatalogueEntry(
        Kind.PERMISSION_DENIED, "The first password must be changed before all else."
    ),
    Code.PASSWORD_NOT_KEPT_HERE: CatalogueEntry(
        Kind.FAILED_PRECONDITION, "The person signs in through the identity provider; the password is changed there."
    ),
    Code.PASSWORD_TOO_SHORT: CatalogueEntry(Kind.INVALID_ARGUMENT, "A password has at least 12 characters."),
    Code.PASSWORD_TOO_EASY: CatalogueEntry(
        Kind.INVALID_ARGUMENT, "The password is one that is guessed soon; take several words that do not go together."
    ),
    Code.PASSWORD_NOT_CHANGED: CatalogueEntry(Kind.INVALID_ARGUMENT, "The new password is the present one."),
    Code.SYNC_NOT_CONFIGURED: CatalogueEntry(
        Kind.FAILED_PRECONDITION,
        "No source of the watchlist is configured: set [watchlist.source] (docs/connect-cekal.md).",
    ),
    Code.SYNC_RUNNING: CatalogueEntry(
        Kind.FAILED_PRECONDITION, "A synchronisation is under way; wait until it has ended."
    ),
    Code.SYNC_TAKEN_OVER: CatalogueEntry(
        Kind.UNAVAILABLE, "Another server took the synchronisation over, for this one was silent for too long."
    ),
    Code.SHRINK_NOT_WAITING: CatalogueEntry(
        Kind.FAILED_PRECONDITION, "No shrunken list of that run waits to be accepted; look at the status again."
    ),
    Code.SOURCE_UNAVAILABLE: CatalogueEntry(
        Kind.UNAVAILABLE, "The watchlist's source cannot be reached, or answers no list."
    ),
    Code.SOURCE_INCOMPLETE: CatalogueEntry(
        Kind.UNAVAILABLE, "The watchlist's source gave fewer records than it had announced."
    ),
    Code.SOURCE_UNREADABLE: CatalogueEntry(
        Kind.FAILED_PRECONDITION,
        "No record of the watchlist's source can be read; check its mapping and encoding.",
    ),
    Code.STORAGE_UNAVAILABLE: CatalogueEntry(Kind.UNAVAILABLE, "The server cannot write to its database now."),
    Code.INTERNAL: CatalogueEntry(Kind.INTERNAL, "The server failed; its log has the details."),
}


class CekalwatchError(Exception):
    """An error of the catalogue. `detail` is for the log and never sent; it must hold no personal data."""

    told: Mapping[str, str] = MappingProxyType({})
    """What the client is told besides, by name; it is for the person who made the call, and never logged."""

    def __init__(self, code: Code, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else str(code))
        self.code = code
        self.detail = detail

    @property
    def public_message(self) -> str:
        """What a client is told."""
        return CATALOGUE[self.code].message

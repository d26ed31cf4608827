"""Messages of the session service."""

from __future__ import annotations

from datetime import timedelta

from cekalwatch.server.auth.passwords import MAX_CHARACTERS
from cekalwatch.server.auth.sessions import Session, TokenPurpose
from cekalwatch.server.auth.sign_in import CodeProof, PasswordProof, Proof
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.grpc_api.convert.common import duration, timestamp
from cekalwatch.v1 import session_pb2, session_service_pb2
from cekalwatch.wire.vocabulary.people import PersonRole
from cekalwatch.wire.vocabulary.proto_enums import ProtoEnum

MAX_NAME = 64
MAX_CODE = 2048
VERIFIER_CHARACTERS = (43, 128)
NONCE_CHARACTERS = (16, 128)
MAX_URI = 512

_ROLES = ProtoEnum(session_pb2.PersonRole, "PERSON_ROLE", PersonRole)
_PURPOSES = {
    session_pb2.SESSION_PURPOSE_UNSPECIFIED: TokenPurpose.SESSION,
    session_pb2.SESSION_PURPOSE_CALLS: TokenPurpose.SESSION,
    session_pb2.SESSION_PURPOSE_SECOND_PERSON: TokenPurpose.SECOND_PERSON,
}


def purpose(value: session_pb2.SessionPurpose.ValueType) -> TokenPurpose:
    """Read the purpose of a token; raises ARGUMENT_INVALID."""
    try:
        return _PURPOSES[value]
    except KeyError:
        raise CekalwatchError(Code.ARGUMENT_INVALID, "purpose") from None


def proof(request: session_service_pb2.SignInRequest) -> Proof:
    """Read the proof of a person's identity; raises ARGUMENT_INVALID."""
    match request.WhichOneof("proof"):
        case "password":
            given = request.password
            return PasswordProof(_text(given.sign_in_name, "sign_in_name", 1, MAX_NAME), password(given.password))
        case "authorization_code":
            code = request.authorization_code
            return CodeProof(
                _text(code.code, "code", 1, MAX_CODE),
                _text(code.code_verifier, "code_verifier", *VERIFIER_CHARACTERS),
                _text(code.redirect_uri, "redirect_uri", 1, MAX_URI),
                _text(code.nonce, "nonce", *NONCE_CHARACTERS),
            )
        case _:
            raise CekalwatchError(Code.ARGUMENT_INVALID, "proof")


def password(value: str) -> str:
    """Read a password; raises ARGUMENT_INVALID when it is too long."""
    return _text(value, "password", 0, MAX_CHARACTERS)


def session_message(session: Session, idle: timedelta | None) -> session_pb2.Session:
    """Write a session; `idle` is None for a second person."""
    person = session.person
    return session_pb2.Session(
        person_id=str(person.person_id),
        display_name=person.display_name,
        roles=[_ROLES.number(role) for role in sorted(person.roles)],
        sites=sorted(person.sites),
        expire_time=timestamp(session.expires_at),
        idle_timeout=duration(idle.total_seconds()) if idle else None,
        password_change_needed=session.password_change_needed,
    )


def _text(value: str, field: str, least: int, most: int) -> str:
    # What was typed must not reach the log, so the detail is the field's name only.
    if not least <= len(value) <= most:
        raise CekalwatchError(Code.ARGUMENT_INVALID, field)
    return value

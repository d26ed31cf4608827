"""Messages of the session service."""

from __future__ import annotations

from datetime import timedelta

from cekalwatch.contract.codec.enums import ProtoEnum
from cekalwatch.contract.values.identity_provider import ProviderFacts
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.auth.sessions import Session
from cekalwatch.server.auth.signing_in.passwords import MAX_CHARACTERS
from cekalwatch.server.auth.signing_in.sign_in import CodeProof, PasswordProof, Proof
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.domain.people import JointAct, TwoPersonAction
from cekalwatch.server.grpc_api.convert.common import duration, timestamp
from cekalwatch.v1 import session_pb2, session_service_pb2

MAX_NAME = 64
MAX_CODE = 2048
VERIFIER_CHARACTERS = (43, 128)
NONCE_CHARACTERS = (16, 128)
MAX_URI = 512
SHA256_BYTES = 32

ROLES = ProtoEnum(session_pb2.PersonRole, "PERSON_ROLE", PersonRole)
_ACTIONS = ProtoEnum(
    session_pb2.TwoPersonAction,
    "TWO_PERSON_ACTION",
    (TwoPersonAction.CHANGE_THRESHOLD, TwoPersonAction.ACCEPT_SHRUNKEN_LIST, TwoPersonAction.EXPORT_AUDIT),
)
_FOR_CALLS = (session_pb2.SESSION_PURPOSE_UNSPECIFIED, session_pb2.SESSION_PURPOSE_CALLS)


def joint_act(request: session_service_pb2.SignInRequest) -> JointAct | None:
    """Read what a second person signs for; None: a session is wanted. Raises ARGUMENT_INVALID."""
    given = request.joint_act if request.HasField("joint_act") else None
    if request.purpose in _FOR_CALLS and given is None:
        return None
    if request.purpose != session_pb2.SESSION_PURPOSE_SECOND_PERSON:
        raise CekalwatchError(Code.ARGUMENT_INVALID, "purpose")
    action = _ACTIONS.member(given.action) if given else None
    if given is None or action is None or len(given.request_sha256) != SHA256_BYTES:
        raise CekalwatchError(Code.ARGUMENT_INVALID, "joint_act")
    return JointAct(action, given.request_sha256.hex())


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
                code.asked_anew,
            )
        case _:
            raise CekalwatchError(Code.ARGUMENT_INVALID, "proof")


def password(value: str) -> str:
    """Read a password; raises ARGUMENT_INVALID when it is too long."""
    return _text(value, "password", 0, MAX_CHARACTERS)


def provider_message(facts: ProviderFacts) -> session_service_pb2.IdentityProvider:
    """Write what a browser needs of the identity provider."""
    return session_service_pb2.IdentityProvider(
        issuer=facts.issuer,
        client_id=facts.client_id,
        scope=facts.scope,
        authorization_endpoint=facts.authorization_endpoint,
        end_session_endpoint=facts.end_session_endpoint,
        states_issuer=facts.states_issuer,
    )


def session_message(session: Session, idle: timedelta | None) -> session_pb2.Session:
    """Write a session; `idle` is None for a second person."""
    person = session.person
    return session_pb2.Session(
        person_id=str(person.person_id),
        display_name=person.display_name,
        roles=[ROLES.number(role) for role in sorted(person.roles)],
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

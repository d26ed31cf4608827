"""People, their sessions, and the identity provider at which they sign in."""

from __future__ import annotations

from cekalwatch.contract.engine.codec import Codec
from cekalwatch.contract.engine.enums import bound_enum
from cekalwatch.contract.values.people import PasswordPart, PersonRecord, PersonRole, PersonSession, ProviderFacts
from cekalwatch.v1 import people_pb2, people_service_pb2, session_pb2, session_service_pb2

ROLES = bound_enum(PersonRole, session_pb2.PersonRole.DESCRIPTOR)
SESSION = Codec(PersonSession, session_pb2.Session, names={"expires_at": "expire_time"})
PERSON_RECORD = Codec(PersonRecord, people_pb2.PersonRecord)
PASSWORD_PART = Codec(PasswordPart, people_service_pb2.PasswordPart)
PROVIDER = Codec(ProviderFacts, session_service_pb2.IdentityProvider)

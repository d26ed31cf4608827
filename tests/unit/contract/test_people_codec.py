"""People and their sessions are read as they were written, and their bytes are those of the converters before."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from google.protobuf.message import Message

from cekalwatch.contract.codec.people import PERSON_RECORD, PROVIDER, SESSION
from cekalwatch.contract.values.people import PersonRecord, PersonRole, PersonSession, ProviderFacts
from cekalwatch.v1 import session_pb2

KEY = "00000000-0000-0000-0000-000000000005"
ROLES = frozenset({PersonRole.SUPERVISOR, PersonRole.OFFICER})
SITES = ("batam-center", "sekupang")
RECORD = PersonRecord(KEY, "siti.1", "Siti Rahma", ROLES, SITES, disabled=True, first_password=True, with_password=True)
SESSION_OF_SITI = PersonSession(
    KEY, "Siti Rahma", ROLES, datetime(2026, 3, 1, 5, tzinfo=UTC), timedelta(minutes=15), True, SITES
)
FACTS = ProviderFacts(
    "https://id.example/realm",
    "cekal",
    "openid profile",
    "https://id.example/auth",
    "https://id.example/end",
    states_issuer=True,
)
PERSON_START = "0a24" + KEY.encode().hex()
SITES_BYTES = "0c626174616d2d63656e746572", "0873656b7570616e67"


def hexadecimal(message: Message) -> str:
    return message.SerializeToString(deterministic=True).hex()


def test_the_bytes_are_those_of_the_converters_before() -> None:
    record = (
        PERSON_START + "1206736974692e311a0a53697469205261686d6122020102" + "".join(f"2a{one}" for one in SITES_BYTES)
    )
    assert hexadecimal(PERSON_RECORD.write(RECORD)) == record + "300138014001"
    again = replace(RECORD, first_password=False, with_password=False)
    assert hexadecimal(PERSON_RECORD.write(again)) == record + "3001"
    session = PERSON_START + "120a53697469205261686d611a020102" + "".join(f"22{one}" for one in SITES_BYTES)
    assert hexadecimal(SESSION.write(SESSION_OF_SITI)) == session + "2a0608d08f8fcd0632030884073801"
    assert hexadecimal(SESSION.write(replace(SESSION_OF_SITI, idle_timeout=None))) == session + "2a0608d08f8fcd063801"
    assert hexadecimal(PROVIDER.write(FACTS)) == (
        "0a1868747470733a2f2f69642e6578616d706c652f7265616c6d120563656b616c1a0e6f70656e69642070726f66696c65"
        "221768747470733a2f2f69642e6578616d706c652f617574682a1668747470733a2f2f69642e6578616d706c652f656e643001"
    )


def test_what_was_written_is_read() -> None:
    assert PERSON_RECORD.read(PERSON_RECORD.write(RECORD)) == RECORD
    assert SESSION.read(SESSION.write(SESSION_OF_SITI)) == SESSION_OF_SITI
    assert PROVIDER.read(PROVIDER.write(FACTS)) == FACTS


def test_a_role_that_only_a_newer_server_knows_is_left_out_and_names_are_made_safe() -> None:
    message = session_pb2.Session(display_name="Siti\x1b[2J", roles=[session_pb2.PERSON_ROLE_OFFICER], sites=["a\nb"])
    message.roles.append(77)  # type: ignore[arg-type]  # of a newer server
    found = SESSION.read(message)
    assert (found.display_name, found.sites) == ("Siti[2J", ("a b",))
    assert found.roles == {PersonRole.OFFICER}


def test_the_addresses_of_a_provider_are_taken_as_they_came() -> None:
    long = replace(FACTS, authorization_endpoint=f"https://id.example/{'a' * 1000}?x=1")
    assert PROVIDER.read(PROVIDER.write(long)) == long

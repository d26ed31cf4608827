"""Messages of the people service."""

from __future__ import annotations

from collections.abc import Iterable

from cekalwatch.contract.values.people import MAX_DISPLAY_NAME, PersonRole
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.grpc_api.convert.session import MAX_NAME, ROLES
from cekalwatch.server.storage.people.store import Account
from cekalwatch.v1 import people_pb2, people_service_pb2
from cekalwatch.v1.session_pb2 import PersonRole as RoleNumber

MAX_SITES = 100
MAX_SITE_NAME = 64


def sign_in_name(value: str) -> str:
    """Read a sign-in name; raises ARGUMENT_INVALID when none can be so long."""
    if not 1 <= len(value) <= MAX_NAME:
        raise CekalwatchError(Code.ARGUMENT_INVALID, "sign_in_name")
    return value.lower()


def display_name(value: str) -> str:
    """Read a name for screens; raises ARGUMENT_INVALID when it is too long."""
    if len(value) > MAX_DISPLAY_NAME:
        raise CekalwatchError(Code.ARGUMENT_INVALID, "display_name")
    return value


def roles(values: Iterable[RoleNumber.ValueType]) -> frozenset[PersonRole]:
    """Read roles; raises ARGUMENT_INVALID for one that there is not."""
    found = [ROLES.member(value) for value in values]
    if None in found:
        raise CekalwatchError(Code.ARGUMENT_INVALID, "roles")
    return frozenset(role for role in found if role)


def sites(values: Iterable[str]) -> frozenset[str]:
    """Read sites; raises ARGUMENT_INVALID when there are none or too many, or one that cannot be."""
    found = frozenset(values)
    if not 1 <= len(found) <= MAX_SITES or any(len(one) > MAX_SITE_NAME for one in found):
        raise CekalwatchError(Code.ARGUMENT_INVALID, "sites")
    return found


def seen(request: people_service_pb2.ChangePersonRequest) -> tuple[frozenset[PersonRole], frozenset[str]] | None:
    """Read which rights were seen; None: they do not matter. Raises ARGUMENT_INVALID."""
    if not request.seen_roles and not request.seen_sites:
        return None
    return roles(request.seen_roles), sites(request.seen_sites)


def person_record(account: Account) -> people_pb2.PersonRecord:
    """Write a person."""
    person, password = account.person, account.password
    return people_pb2.PersonRecord(
        person_id=str(person.person_id),
        sign_in_name=person.sign_in_name,
        display_name=person.display_name,
        roles=[ROLES.number(role) for role in sorted(person.roles)],
        sites=sorted(person.sites),
        disabled=person.disabled,
        first_password=password.must_change,
        with_password=password.hash is not None,
    )

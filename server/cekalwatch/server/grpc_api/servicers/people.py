"""PeopleService: administrators manage the people who may sign in."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from cekalwatch.contract.codec.people import PASSWORD_PART, PERSON_RECORD, ROLES
from cekalwatch.contract.values.people import (
    MAX_DISPLAY_NAME,
    MAX_SIGN_IN_NAME,
    MAX_SITE_NAME,
    MAX_SITES,
    PersonRecord,
    PersonRole,
)
from cekalwatch.server.auth.people_admin import PeopleAdmin
from cekalwatch.server.auth.signing_in.passwords import Passwords
from cekalwatch.server.domain.people import Person
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.grpc_api.authentication import current_caller
from cekalwatch.server.grpc_api.errors import Context, coded
from cekalwatch.server.grpc_api.messages import require
from cekalwatch.server.grpc_api.workers import Workers
from cekalwatch.server.storage.people.store import Account, PeopleStore
from cekalwatch.v1 import people_pb2, people_service_pb2_grpc
from cekalwatch.v1 import people_service_pb2 as pb


class PeopleServicer(people_service_pb2_grpc.PeopleServiceServicer):
    """Serves administrators."""

    def __init__(self, store: PeopleStore, passwords: Passwords, clock: Clock, workers: Workers) -> None:
        """`workers` hash passwords, a few at once."""
        self._store = store
        self._passwords = passwords
        self._clock = clock
        self._workers = workers

    async def ListPeople(self, request: pb.ListPeopleRequest, context: Context) -> pb.ListPeopleResponse:
        """Return everybody with a site of the administrator's."""
        by = self._administrator()
        accounts = await asyncio.to_thread(self._admin().all)
        seen = [one for one in accounts if by is None or one.person.recorded.sites & by.sites]
        return pb.ListPeopleResponse(people=map(_written, seen))

    async def AddPerson(self, request: pb.AddPersonRequest, context: Context) -> pb.AddPersonResponse:
        """Add a person, and return the first part of the first password."""
        name, shown = _sign_in_name(request.sign_in_name), _display_name(request.display_name)
        roles, sites = _roles(request.roles), _sites(request.sites)
        admin = self._admin()
        first = await self._workers.do(
            coded(lambda: admin.add(name, shown, roles, sites, with_password=not request.without_password))
        )
        return pb.AddPersonResponse(first_password=first or "")

    async def ChangePerson(self, request: pb.ChangePersonRequest, context: Context) -> pb.ChangePersonResponse:
        """Replace a person's roles and sites."""
        name, roles = _sign_in_name(request.sign_in_name), _roles(request.roles)
        sites, seen, admin = _sites(request.sites), _seen(request), self._admin()
        await asyncio.to_thread(coded(lambda: admin.change(name, roles, sites, seen)))
        account = await asyncio.to_thread(coded(lambda: admin.account(name)))
        return pb.ChangePersonResponse(person=_written(account))

    async def DisablePerson(self, request: pb.DisablePersonRequest, context: Context) -> pb.DisablePersonResponse:
        """Refuse a person from now on, or let them in again."""
        name, admin = _sign_in_name(request.sign_in_name), self._admin()
        await asyncio.to_thread(coded(lambda: admin.disable(name) if request.disabled else admin.enable(name)))
        return pb.DisablePersonResponse()

    async def ResetPassword(self, request: pb.ResetPasswordRequest, context: Context) -> pb.ResetPasswordResponse:
        """Give a person another first password, and return its first part."""
        name, admin = _sign_in_name(request.sign_in_name), self._admin()
        first = await self._workers.do(coded(lambda: admin.reset(name)))
        return pb.ResetPasswordResponse(first_password=first)

    async def UnlockPerson(self, request: pb.UnlockPersonRequest, context: Context) -> pb.UnlockPersonResponse:
        """Forget a name's wrong passwords."""
        name, admin = _sign_in_name(request.sign_in_name), self._admin()
        return pb.UnlockPersonResponse(was_locked=await asyncio.to_thread(coded(lambda: admin.unlock(name))))

    async def TakePasswordParts(
        self, request: pb.TakePasswordPartsRequest, context: Context
    ) -> pb.TakePasswordPartsResponse:
        """Return the second parts of the first passwords for which the caller has signed."""
        return pb.TakePasswordPartsResponse(
            parts=map(PASSWORD_PART.write, await asyncio.to_thread(coded(self._admin().take_parts)))
        )

    def _admin(self) -> PeopleAdmin:
        who = current_caller()
        return PeopleAdmin(self._store, self._passwords, self._clock, who.actor, self._administrator(), who.people)

    def _administrator(self) -> Person | None:
        """The caller; None in plaintext on the server's own machine, where nobody needs to sign in."""
        session = current_caller().session
        return session.person if session else None


def _sign_in_name(value: str) -> str:
    require(1 <= len(value) <= MAX_SIGN_IN_NAME, "sign_in_name")
    return value.lower()


def _display_name(value: str) -> str:
    require(len(value) <= MAX_DISPLAY_NAME, "display_name")
    return value


def _roles(values: Iterable[int]) -> frozenset[PersonRole]:
    found = [ROLES.member(value) for value in values]
    require(None not in found, "roles")
    return frozenset(role for role in found if role)


def _sites(values: Iterable[str]) -> frozenset[str]:
    found = frozenset(values)
    require(1 <= len(found) <= MAX_SITES and all(len(one) <= MAX_SITE_NAME for one in found), "sites")
    return found


def _seen(request: pb.ChangePersonRequest) -> tuple[frozenset[PersonRole], frozenset[str]] | None:
    """Read the rights that the caller has seen; None means that they do not matter."""
    if not request.seen_roles and not request.seen_sites:
        return None
    return _roles(request.seen_roles), _sites(request.seen_sites)


def _written(account: Account) -> people_pb2.PersonRecord:
    person, password, withheld = account.person.recorded, account.password, account.person.withheld
    return PERSON_RECORD.write(
        PersonRecord(
            str(person.person_id),
            person.sign_in_name,
            person.display_name,
            person.roles,
            tuple(sorted(person.sites)),
            person.disabled,
            first_password=password.must_change,
            with_password=password.hash is not None,
            withheld_roles=withheld.roles,
        )
    )

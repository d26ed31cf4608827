"""What administrators do with the people who may sign in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cekalwatch.contract.calls import people as calls
from cekalwatch.contract.codec.people import ROLES
from cekalwatch.contract.values.people import (
    MAX_DISPLAY_NAME,
    MAX_SIGN_IN_NAME,
    MAX_SITE_NAME,
    MAX_SITES,
    PersonRecord,
    PersonRole,
)
from cekalwatch.contract.values.silencing import NOTHING_SILENCED, Silencing
from cekalwatch.server.auth.people_admin import PeopleAdmin
from cekalwatch.server.auth.signing_in.passwords import Passwords
from cekalwatch.server.domain.people import Person, unattended
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.grpc_api.authentication import current_caller
from cekalwatch.server.grpc_api.errors import coded
from cekalwatch.server.grpc_api.messages import require
from cekalwatch.server.grpc_api.served import Served, serve
from cekalwatch.server.grpc_api.workers import Workers
from cekalwatch.server.storage.people.store import Account, PeopleStore
from cekalwatch.server.watchlist.foresight import ListForesight
from cekalwatch.v1 import people_service_pb2 as pb


@dataclass(frozen=True)
class PeopleCalls:
    """Serves administrators."""

    store: PeopleStore
    passwords: Passwords
    clock: Clock
    workers: Workers
    """They hash passwords, a few at once."""
    foresight: ListForesight

    def served(self) -> tuple[Served, ...]:
        """Return the calls."""
        return (
            serve(calls.LIST_PEOPLE, self._list),
            serve(calls.ADD_PERSON, self._add),
            serve(calls.CHANGE_PERSON, coded(self._change), silences=self._change_silences),
            serve(calls.DISABLE_PERSON, coded(self._disable), silences=self._disabling_silences),
            serve(calls.RESET_PASSWORD, self._reset),
            serve(calls.UNLOCK_PERSON, coded(self._unlock)),
            serve(calls.TAKE_PASSWORD_PARTS, coded(lambda _: tuple(self._admin().take_parts()))),
        )

    def _list(self, _: pb.ListPeopleRequest) -> tuple[PersonRecord, ...]:
        """Return everybody with a site of the administrator's."""
        by = self._administrator()
        seen = (one for one in self._admin().all() if by is None or one.person.recorded.sites & by.sites)
        return tuple(map(_record, seen))

    async def _add(self, request: pb.AddPersonRequest) -> str:
        """Add a person, and return the first part of the first password."""
        name, shown = _sign_in_name(request.sign_in_name), _display_name(request.display_name)
        roles, sites = _roles(request.roles), _sites(request.sites)
        admin = self._admin()
        first = await self.workers.do(
            coded(lambda: admin.add(name, shown, roles, sites, with_password=not request.without_password))
        )
        return first or ""

    def _change(self, request: pb.ChangePersonRequest) -> PersonRecord:
        name, roles = _sign_in_name(request.sign_in_name), _roles(request.roles)
        sites, seen, admin = _sites(request.sites), _seen(request), self._admin()
        admin.change(name, roles, sites, seen)
        return _record(admin.account(name))

    def _disable(self, request: pb.DisablePersonRequest) -> None:
        name, admin = _sign_in_name(request.sign_in_name), self._admin()
        if request.disabled:
            admin.disable(name)
        else:
            admin.enable(name)

    def _change_silences(self, request: pb.ChangePersonRequest) -> Silencing:
        return self._silences(_sign_in_name(request.sign_in_name), _roles(request.roles), _sites(request.sites))

    def _disabling_silences(self, request: pb.DisablePersonRequest) -> Silencing:
        name = _sign_in_name(request.sign_in_name)
        return self._silences(name, frozenset(), frozenset()) if request.disabled else NOTHING_SILENCED

    def _silences(self, name: str, roles: frozenset[PersonRole], sites: frozenset[str]) -> Silencing:
        """Return all orders if alerts at a site would be nobody's to judge, or to confirm, with these rights."""
        account = self.store.account(name)
        if account is None:
            return NOTHING_SILENCED
        person, everybody = account.person, [one.person for one in self.store.all()]
        left = unattended(everybody, person.person_id, roles - person.withheld.roles, sites)
        return self.foresight.without(f"site {', '.join(sorted(left))}") if left else NOTHING_SILENCED

    async def _reset(self, request: pb.ResetPasswordRequest) -> str:
        """Give a person another first password, and return its first part."""
        name, admin = _sign_in_name(request.sign_in_name), self._admin()
        return await self.workers.do(coded(lambda: admin.reset(name)))

    def _unlock(self, request: pb.UnlockPersonRequest) -> pb.UnlockPersonResponse:
        return pb.UnlockPersonResponse(was_locked=self._admin().unlock(_sign_in_name(request.sign_in_name)))

    def _admin(self) -> PeopleAdmin:
        who = current_caller()
        return PeopleAdmin(self.store, self.passwords, self.clock, who.actor, self._administrator(), who.people)

    def _administrator(self) -> Person | None:
        """The caller; None in plaintext on the server's own machine, where nobody needs to sign in."""
        session = current_caller().session
        return session.person if session else None


def _sign_in_name(value: str) -> str:
    require(1 <= len(value) <= MAX_SIGN_IN_NAME, "sign_in_name")
    return value


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


def _record(account: Account) -> PersonRecord:
    person, password, withheld = account.person.recorded, account.password, account.person.withheld
    return PersonRecord(
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

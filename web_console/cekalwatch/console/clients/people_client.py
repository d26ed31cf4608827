"""The calls about people and their sessions. Errors stay grpc.RpcError."""

from __future__ import annotations

from collections.abc import Collection

from cekalwatch.contract.codec.people import PERSON_RECORD, ROLES, SESSION
from cekalwatch.contract.values.people import PersonRecord, PersonRole, PersonSession
from cekalwatch.office.client.service_client import ServiceClient
from cekalwatch.v1 import people_service_pb2 as pb
from cekalwatch.v1 import session_service_pb2
from cekalwatch.v1.people_service_pb2_grpc import PeopleServiceStub
from cekalwatch.v1.session_service_pb2_grpc import SessionServiceStub


class PeopleClient(ServiceClient[PeopleServiceStub]):
    """An administrator's calls."""

    stub = PeopleServiceStub

    def all(self) -> list[PersonRecord]:
        """Return everybody with a site of the administrator's, by sign-in name."""
        return list(PERSON_RECORD.read_all(self._call(lambda stub: stub.ListPeople, pb.ListPeopleRequest()).people))

    def add(self, name: str, display_name: str, roles: Collection[PersonRole], sites: Collection[str]) -> str:
        """Add a person, and return the first password."""
        request = pb.AddPersonRequest(
            sign_in_name=name, display_name=display_name, roles=map(ROLES.number, sorted(roles)), sites=sorted(sites)
        )
        return str(self._call(lambda stub: stub.AddPerson, request).first_password)

    def change(
        self,
        name: str,
        roles: Collection[PersonRole],
        sites: Collection[str],
        seen_roles: Collection[PersonRole],
        seen_sites: Collection[str],
    ) -> None:
        """Replace a person's roles and sites, unless they are others by now than were seen."""
        request = pb.ChangePersonRequest(
            sign_in_name=name,
            roles=map(ROLES.number, sorted(roles)),
            sites=sorted(sites),
            seen_roles=map(ROLES.number, sorted(seen_roles)),
            seen_sites=sorted(seen_sites),
        )
        self._call(lambda stub: stub.ChangePerson, request)

    def disable(self, name: str, *, disabled: bool) -> None:
        """Refuse a person from now on, or let them in again."""
        self._call(lambda stub: stub.DisablePerson, pb.DisablePersonRequest(sign_in_name=name, disabled=disabled))

    def reset(self, name: str) -> str:
        """Give a person another first password, and return it."""
        request = pb.ResetPasswordRequest(sign_in_name=name)
        return str(self._call(lambda stub: stub.ResetPassword, request).first_password)

    def unlock(self, name: str) -> None:
        """Forget a name's wrong passwords."""
        self._call(lambda stub: stub.UnlockPerson, pb.UnlockPersonRequest(sign_in_name=name))


class SessionCheck(ServiceClient[SessionServiceStub]):
    """For parts of a page that are shown without a call by the person."""

    stub = SessionServiceStub

    def session(self) -> PersonSession:
        """Return the session as it is now."""
        return SESSION.read(self._call(lambda stub: stub.GetSession, session_service_pb2.GetSessionRequest()).session)

"""Requests for a second person's signature, which is given at another device than the first person's. Methods block.

The second person reads the very request that will be made: the server keeps it, so that a program of the first
person's device can show nobody other words than those that are signed. The request's token is the second person's word
once they have signed; it works once, for that method and that request, beside the first person's session.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from cekalwatch.contract.values.approvals import Approval, ApprovalState, OpenApprovals
from cekalwatch.server.audit.entry import Action, AuditEntry, ObjectKind
from cekalwatch.server.auth.admission import joint_action
from cekalwatch.server.auth.sessions import SHOWN_DIGITS, TOKEN_BYTES, Device, Session, TokenPurpose
from cekalwatch.server.domain.people import JointAct, Person, TwoPeople
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.storage.people.approval_store import ApprovalStore, KeptApproval
from cekalwatch.server.storage.people.session_store import Countersignature, NewSession, SessionStore
from cekalwatch.server.storage.people.store import PeopleStore

LASTS: Final = timedelta(minutes=10)
"""From the question to the act: somebody else must come to another machine."""
MAX_OF_A_SESSION: Final = 4


@dataclass(frozen=True, eq=False)
class ApprovalRequests:
    """Asks for signatures, and takes them."""

    store: ApprovalStore
    sessions: SessionStore
    people: PeopleStore
    clock: Clock

    def ask(self, first: Session, device: Device, method: str, request: bytes) -> tuple[str, Approval]:
        """Ask for a signature; return the token with which the act is done once there is one.

        Raises ARGUMENT_INVALID for a method that needs no second person.
        """
        act, now, token = _act(method, request), self.clock.now(), secrets.token_urlsafe(TOKEN_BYTES)
        asked = KeptApproval(
            approval_id=hashlib.sha256(token.encode()).hexdigest(),
            method=method,
            request=request,
            first=first.person.reference,
            first_session=first.key,
            device=device.actor.key,
            site=device.site or "",
            device_binding=device.binding,
            certificate=device.certificate,
            asked_at=now,
            expires_at=now + LASTS,
            state=ApprovalState.WAITING,
        )
        named = (ObjectKind.PERSON.key(first.person.person_id),)
        entry = AuditEntry(
            now, device.used_by(first.person.person_id), Action.APPROVAL_ASKED, named, details=_facts(asked, act)
        )
        self.store.add(asked, entry, MAX_OF_A_SESSION)
        return token, self.people.named(asked)

    def open_for(self, who: Session, device: Device) -> OpenApprovals:
        """Return what the person may sign here, and what they have asked for."""
        found = self.store.open(self.clock.now())
        waiting = tuple(one for one in found if self._pair(one, who.person, device))
        own = tuple(one for one in found if one.first_session == who.key)
        return self.people.named(OpenApprovals(waiting, own))

    def answer(self, approval_id: str, request_sha256: str, who: Session, device: Device, *, sign: bool) -> None:
        """Sign a request whose content has that digest, as the second person, or refuse it.

        Raises APPROVAL_GONE unless it waits for this person at this device, and SECOND_PERSON_ELSEWHERE when they have
        read another one.
        """
        asked = self.store.find(approval_id)
        first = self._pair(asked, who.person, device) if asked else None
        if asked is None or first is None:
            raise CekalwatchError(Code.APPROVAL_GONE)
        act, now = _act(asked.method, asked.request), self.clock.now()
        if act.argument_sha256 != request_sha256:
            raise CekalwatchError(Code.SECOND_PERSON_ELSEWHERE, act.action)
        word = NewSession(
            token_sha256=asked.approval_id,
            purpose=TokenPurpose.SECOND_PERSON,
            person_id=who.person.person_id,
            by_password=False,
            device_binding=asked.device_binding,
            certificate=asked.certificate,
            began_at=now,
            expires_at=asked.expires_at,
            signs=Countersignature(act, asked.first_session),
        )
        named = tuple(map(ObjectKind.PERSON.key, (who.person.person_id, asked.first.person_id)))
        action = Action.APPROVAL_SIGNED if sign else Action.APPROVAL_REFUSED
        entry = AuditEntry(now, device.used_by(who.person.person_id), action, named, details=_facts(asked, act))
        if not self.store.answer(approval_id, who.person.person_id, word if sign else None, entry):
            raise CekalwatchError(Code.APPROVAL_GONE, "answered at the same time")

    def is_for(self, token_sha256: str, method: str) -> bool:
        """Whether a second person's word is not the signature for another method.

        A word that was given beside the first person names no method: their program showed what is signed.
        """
        asked = self.store.find(token_sha256)
        return asked is None or asked.method == method

    def _pair(self, asked: KeptApproval, second: Person, device: Device) -> Person | None:
        """Return the first person of a request that `second` may answer at `device`; None when they may not."""
        if asked.state is not ApprovalState.WAITING or asked.expires_at <= self.clock.now():
            return None
        if asked.device_binding == device.binding or not second.works_at(asked.site):
            return None
        session = self.sessions.find(asked.first_session, TokenPurpose.SESSION)
        action = joint_action(asked.method)
        if session is None or action is None:
            return None
        first = session.account.person
        try:
            TwoPeople(action, first, second)
        except CekalwatchError:
            return None
        return first


def _act(method: str, request: bytes) -> JointAct:
    """Return what a request of `method` is signed as; raises ARGUMENT_INVALID when nobody signs for it."""
    action = joint_action(method)
    if action is None:
        raise CekalwatchError(Code.ARGUMENT_INVALID, "method")
    return JointAct.of(action, request)


def _facts(asked: KeptApproval, act: JointAct) -> Mapping[str, str]:
    return {
        "action": str(act.action),
        "method": asked.method.rpartition("/")[2],
        "argument": act.argument_sha256,
        "first_session": asked.first_session[:SHOWN_DIGITS],
    }

"""The gates as supervisors see them, and the policy that two people set. Methods block."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cekalwatch.contract.values.gates import GatePolicy, GatePolicyReason, GatesOutlook, GateStatus
from cekalwatch.contract.values.people import TwoPersonAction
from cekalwatch.extensions.gates.store import GateStore
from cekalwatch.extensions.gates.teller import SILENT_AFTER
from cekalwatch.extensions.notices.settings import GateTerms
from cekalwatch.server.audit.entry import Action, Actor, AuditEntry, both_keys
from cekalwatch.server.cluster.peers import WholePresence
from cekalwatch.server.domain.people import TwoPeople
from cekalwatch.server.domain.presence import GatePresence
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.storage.audit.signers import JointEntry

_REASONS: Final = frozenset(GatePolicyReason)


def set_gate_policy(
    store: GateStore, policy: GatePolicy, people: TwoPeople, actor: Actor, clock: Clock, reason: GatePolicyReason
) -> None:
    """Set the policy, with its entry in the audit trail."""
    if people.action is not TwoPersonAction.SET_GATES:
        raise ValueError(f"these people may do {people.action}")
    both = both_keys(people)
    states = ", ".join(sorted(policy.states)) or "none"
    details: dict[str, int | str] = {"states": states, "minutes": policy.minutes, "reason": reason}
    store.set(policy, AuditEntry(clock.now(), actor, Action.GATES_SET, both, details=details))


class GateBoard:
    """The gates that the settings name, and the policy of the database."""

    def __init__(
        self,
        gates: tuple[GateTerms, ...],
        store: GateStore,
        whole: Callable[[], WholePresence],
        newest: Callable[[], JointEntry | None],
        clock: Clock,
    ) -> None:
        """`whole` reads what the servers report; `newest` reads who set the policy last."""
        self._gates, self._store, self._whole, self._newest, self._clock = gates, store, whole, newest, clock

    def look(self, sees: Callable[[str], bool]) -> GatesOutlook:
        """Return the gates of the sites that the caller `sees`, by site and name, and the policy.

        Raises StorageError, and ChangedRowError when the policy's row was changed.
        """
        told: dict[str, GatePresence] = {}
        for server in self._whole().servers:
            for name, one in server.run.gates.items():
                if name not in told or told[name].told_at < one.told_at:  # an earlier leader told it before
                    told[name] = one
        ours = sorted((one for one in self._gates if sees(one.site)), key=lambda one: (one.site, one.name))
        gates = tuple(self._status(one, told.get(one.name)) for one in ours)
        policy, newest = self._store.policy(), self._newest()
        if newest is None:
            return GatesOutlook(gates, policy)
        why = newest.details.get("reason")
        return GatesOutlook(
            gates, policy, newest.at, newest.names, GatePolicyReason(str(why)) if why in _REASONS else None
        )

    def set(self, policy: GatePolicy, reason: GatePolicyReason, people: TwoPeople, actor: Actor) -> None:
        """Set the policy of all sites; gates follow within seconds. Raises StorageError."""
        set_gate_policy(self._store, policy, people, actor, self._clock, reason)

    def _status(self, terms: GateTerms, told: GatePresence | None) -> GateStatus:
        if told is None:
            return GateStatus(terms.name, terms.site, terms.counter)
        return GateStatus(
            terms.name,
            terms.site,
            terms.counter,
            told.asks,
            told.heard_at if told.asks else None,
            told.hold_ends_at,
            self._clock.now() - told.heard_at >= SILENT_AFTER,
            told.problem,
        )

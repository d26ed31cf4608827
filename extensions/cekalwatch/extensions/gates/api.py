"""The calls of OperationsService about gates."""

from __future__ import annotations

from functools import partial

from cekalwatch.contract.calls import operations as calls
from cekalwatch.contract.values.gates import GatePolicyChange
from cekalwatch.extensions.gates.board import GateBoard
from cekalwatch.extensions.gates.store import GateStore
from cekalwatch.extensions.notices.settings import Section
from cekalwatch.server.audit.entry import Action
from cekalwatch.server.grpc_api.authentication import current_caller
from cekalwatch.server.grpc_api.served import Served, serve
from cekalwatch.server.storage.audit.search import AuditSearch
from cekalwatch.server.storage.audit.signers import newest_joint_entry
from cekalwatch.server.wiring.extensions import Core


def served(core: Core) -> tuple[Served, ...]:
    """Return the calls that show gates to supervisors and set their policy."""
    context = core.context
    newest = partial(newest_joint_entry, AuditSearch(context.database), context.stores.people, Action.GATES_SET)
    terms = Section.of(context.settings).notices.gates
    board = GateBoard(terms, GateStore(context.database), core.whole, newest, context.clock)

    def set_policy(change: GatePolicyChange) -> None:
        board.set(change.policy, change.reason, current_caller().two_people(), current_caller().actor)

    return (
        serve(calls.GET_GATES, lambda _: board.look(current_caller().sees)),
        serve(calls.SET_GATE_POLICY, set_policy),
    )

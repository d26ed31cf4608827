"""*People*: who may sign in, with which roles, and where."""

from __future__ import annotations

from http import HTTPStatus

import grpc
from starlette.responses import Response

from cekalwatch.console.request_context import RequestContext
from cekalwatch.contract.values.people import PersonRecord, PersonRole
from cekalwatch.office.client.refusals import error_reason, explain

ACTS = ("change", "disable", "enable", "reset", "unlock")


def show(visit: RequestContext, problem: str = "") -> Response:
    """Show all people, and the form for a new person with its entered values."""
    return visit.page(
        "people.html", people=visit.people.all(), roles=list(PersonRole), problem=problem, form=visit.form
    )


def add(visit: RequestContext) -> Response:
    """Add a person; the first password is shown once."""
    name, shown = visit.form.get("name", "").strip().lower(), visit.form.get("display_name", "").strip()
    try:
        first = visit.people.add(name, shown, _roles(visit), _sites(visit))
    except grpc.RpcError as error:
        return show(visit, explain(error, visit.texts))
    return visit.page("first_password.html", name=name, first=first)


def show_one(visit: RequestContext, problem: str = "") -> Response:
    """Show one person with the form of changes and its input."""
    record = _find(visit)
    if record is None:
        return visit.problem(visit.texts.say("REFUSED_PERSON_UNKNOWN"), HTTPStatus.NOT_FOUND)
    return _one(visit, record, problem)


def act(visit: RequestContext) -> Response:
    """Change one person."""
    name, wanted = visit.part("name"), visit.part("act")
    record = _find(visit)
    if record is None or wanted not in ACTS:
        return visit.problem(visit.texts.say("PAGE_MISSING"), HTTPStatus.NOT_FOUND)
    try:
        match wanted:
            case "reset":
                return visit.page("first_password.html", name=name, first=visit.people.reset(name))
            case "change":
                seen = frozenset(role for role in PersonRole if role in visit.form.get("seen_roles", "").split())
                seen_sites = visit.form.get("seen_sites", "").split()
                visit.people.change(name, _roles(visit), _sites(visit), seen, seen_sites)
            case "unlock":
                visit.people.unlock(name)
            case _:
                visit.people.disable(name, disabled=wanted == "disable")
    except grpc.RpcError as error:
        # The second of two people sees the values of the first one, and not their own.
        if error_reason(error) == "PERSON_CHANGED":
            record, visit.form = _find(visit) or record, {}
        return _one(visit, record, explain(error, visit.texts))
    return visit.to("/people")


def _find(visit: RequestContext) -> PersonRecord | None:
    return next((one for one in visit.people.all() if one.sign_in_name == visit.part("name")), None)


def _roles(visit: RequestContext) -> frozenset[PersonRole]:
    return frozenset(role for role in PersonRole if visit.form.get(f"role-{role}"))


def _sites(visit: RequestContext) -> frozenset[str]:
    return frozenset(visit.form.get("sites", "").split())


def _one(visit: RequestContext, record: PersonRecord, problem: str = "") -> Response:
    typed = visit.form if visit.form.get("sites") is not None and problem else {}
    return visit.page("person.html", person=record, roles=list(PersonRole), problem=problem, form=typed)

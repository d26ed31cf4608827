"""*People*: who may sign in, with which roles, and where."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import grpc
from starlette.responses import Response

from cekalwatch.console.pages.signing_in.provider import with_second_person, with_second_where_needed
from cekalwatch.console.request_context import RequestContext
from cekalwatch.contract.calls import people as calls
from cekalwatch.contract.codec.people import ROLES
from cekalwatch.contract.engine.call import Asked
from cekalwatch.contract.values.people import PersonRecord, PersonRole
from cekalwatch.office.client.refusals import error_reason, explain

ACTS = ("change", "disable", "enable", "reset", "unlock")
ALONE = ("change", "disable", "unlock")
"""For which one person is enough, unless the change gives rights, or leaves alerts to nobody."""


def show(visit: RequestContext, problem: str = "") -> Response:
    """Show all people, and the form for a new person with its entered values."""
    return visit.page(
        "people.html",
        people=visit.ask(calls.LIST_PEOPLE()),
        roles=list(PersonRole),
        problem=problem,
        form=visit.form,
        second_name=visit.form.get("second_name", ""),
    )


def add(visit: RequestContext) -> Response:
    """Add a person, as two people; the first part of the first password is shown once."""
    name, shown = visit.form.get("name", "").strip().lower(), visit.form.get("display_name", "").strip()
    wanted = calls.ADD_PERSON(sign_in_name=name, display_name=shown, roles=_roles(visit), sites=_sites(visit))

    def added(word: str) -> Response:
        return visit.page("first_password.html", name=name, first=visit.ask(wanted, word))

    return with_second_person(visit, wanted, added, lambda problem: show(visit, problem))


def show_parts(visit: RequestContext) -> Response:
    """Say what the second parts of first passwords are, before they are shown."""
    return visit.page("password_parts.html", parts=None)


def take_parts(visit: RequestContext) -> Response:
    """Show the second parts for which the person has signed, once."""
    return visit.page("password_parts.html", parts=visit.ask(calls.TAKE_PASSWORD_PARTS()))


def show_one(visit: RequestContext, problem: str = "") -> Response:
    """Show one person with the form of changes and its input."""
    record = _find(visit)
    if record is None:
        return visit.problem(visit.texts.say("REFUSED_PERSON_UNKNOWN"), HTTPStatus.NOT_FOUND)
    return _one(visit, record, problem)


def act(visit: RequestContext) -> Response:
    """Change one person, as two people where it gives rights or a first password."""
    name, wanted, record = visit.part("name"), visit.part("act"), _find(visit)
    if record is None or wanted not in ACTS:
        return visit.problem(visit.texts.say("PAGE_MISSING"), HTTPStatus.NOT_FOUND)

    def again(problem: str) -> Response:
        return _one(visit, record, problem)

    def done(word: str) -> Response:
        try:
            answer = visit.ask(request, word)
        except grpc.RpcError as error:
            # The second of two people sees the values of the first one, and not their own.
            if error_reason(error) != "PERSON_CHANGED":
                raise
            visit.form = {}
            return _one(visit, _find(visit) or record, explain(error, visit.texts))
        first = isinstance(answer, str)
        return visit.page("first_password.html", name=name, first=answer) if first else visit.to("/people")

    request = _request(visit, name, wanted)
    return (with_second_where_needed if wanted in ALONE else with_second_person)(visit, request, done, again)


def _request(visit: RequestContext, name: str, wanted: str) -> Asked[object]:
    match wanted:
        case "unlock":
            return calls.UNLOCK_PERSON(sign_in_name=name)
        case "reset":
            return calls.RESET_PASSWORD(sign_in_name=name)
        case "change":
            seen = visit.form.get("seen_roles", "").split()
            return calls.CHANGE_PERSON(
                sign_in_name=name,
                roles=_roles(visit),
                sites=_sites(visit),
                seen_roles=[ROLES.number(role) for role in sorted(PersonRole) if role in seen],
                seen_sites=sorted(visit.form.get("seen_sites", "").split()),
            )
    return calls.DISABLE_PERSON(sign_in_name=name, disabled=wanted == "disable")


def _find(visit: RequestContext) -> PersonRecord | None:
    return next((one for one in visit.ask(calls.LIST_PEOPLE()) if one.sign_in_name == visit.part("name")), None)


def _roles(visit: RequestContext) -> list[Any]:
    return [ROLES.number(role) for role in sorted(PersonRole) if visit.form.get(f"role-{role}")]


def _sites(visit: RequestContext) -> list[str]:
    return sorted(set(visit.form.get("sites", "").split()))


def _one(visit: RequestContext, record: PersonRecord, problem: str = "") -> Response:
    typed = visit.form if visit.form.get("sites") is not None and (problem or visit.signed) else {}
    return visit.page(
        "person.html",
        person=record,
        roles=list(PersonRole),
        problem=problem,
        form=typed,
        tried=visit.part("act") if problem or visit.signed else "",
        second_name=visit.form.get("second_name", ""),
    )

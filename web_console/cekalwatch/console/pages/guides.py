"""The guides as pages, for offices without another network."""

from __future__ import annotations

from http import HTTPStatus

from starlette.responses import FileResponse, Response

from cekalwatch.console.guide_texts import NAMES, PICTURES, pictures, program_guide, role_guide, titles
from cekalwatch.console.request_context import RequestContext
from cekalwatch.contract.values.people import PersonRole


def show(visit: RequestContext) -> Response:
    """Show which guides there are, those of the person's roles first."""
    ordered = sorted(PersonRole, key=lambda role: role not in visit.person.roles)
    roles = [(NAMES[role], role_guide(role, visit.texts.language).title) for role in ordered]
    return visit.page("guides.html", roles=roles, titles=sorted(titles().items(), key=lambda one: one[1]))


def show_one(visit: RequestContext) -> Response:
    name = visit.part("name")
    for role, called in NAMES.items():
        if name == called:
            return visit.page("guide.html", guide=role_guide(role, visit.texts.language))
    if name not in titles():
        return visit.problem(visit.texts.say("PAGE_MISSING"), HTTPStatus.NOT_FOUND)
    return visit.page("guide.html", guide=program_guide(name))


def show_picture(visit: RequestContext) -> Response:
    """Answer with a picture of a guide: a screen with made-up people."""
    name = visit.part("name")
    if name not in pictures():
        return visit.problem(visit.texts.say("PAGE_MISSING"), HTTPStatus.NOT_FOUND)
    return FileResponse(PICTURES / name, media_type="image/jpeg")

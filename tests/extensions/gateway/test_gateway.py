"""The gateway for systems that speak HTTP, against a real server with certificates."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import hypothesis
import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, given
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from typer.testing import CliRunner

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.gateway.app import create_app
from cekalwatch.gateway.cli import app as command
from cekalwatch.gateway.gateway import MAX_LISTS, MAX_WAITING, Gateway
from cekalwatch.gateway.settings import GatewaySettings
from cekalwatch.server.audit.entry import Action
from cekalwatch.wire.identity import DeviceRole
from tests.extensions.gateway.callers import KEY, caller, stands, written
from tests.support.builders.watchlist_folder import ORDERS_FILE, row, write_orders
from tests.support.scenarios.people import PASSWORD
from tests.support.scenarios.port_office import PortOffice, port_office
from tests.support.scenarios.sign_in import becomes

pytestmark = pytest.mark.slow

PEOPLE = {"budi": (), "lina": (PersonRole.LIST_MANAGER,)}
NAMES = ("Contoh Satu", "S-1", "O-1")
LIST_FILE = {"name": "list.csv"}
TEXT = "application/json"


@contextmanager
def opened(office: PortOffice, **changes: object) -> Iterator[Gateway]:
    """A gateway whose subscription runs."""
    files = office.site.device(DeviceRole.NOTIFIER, "duty")
    file = written(office.site.folder / "gateway", office.address, files.folder, **changes)
    with closing(Gateway(GatewaySettings.load(file))) as found, found.filling():
        yield found


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[PortOffice]:
    found = port_office(tmp_path, PEOPLE, grouping_window_seconds=0)
    async with found.open():
        yield found


def problem(answer: httpx.Response) -> tuple[int, str]:
    """Return the status and the code of a problem document."""
    assert answer.headers["content-type"] == "application/problem+json"
    told: dict[str, Any] = answer.json()
    assert set(told) == {"type", "title", "status", "detail", "code"}
    assert told["status"] == answer.status_code
    return answer.status_code, told["code"]


async def test_events_come_without_names_until_they_are_acknowledged_also_after_a_restart(office: PortOffice) -> None:
    with opened(office) as gateway:
        await stands(gateway)
        async with caller(create_app(gateway)) as client:
            assert (await client.get("/v1/events")).json() == {"events": [], "cursor": 0}
            waiting = asyncio.create_task(client.get("/v1/events", params={"wait_seconds": 30}))
            first, second = await office.raise_alert(), await office.raise_alert(track="2")
            page = (await waiting).json()
            at = datetime.fromisoformat(page["events"][0]["occurred_at"])
            assert abs(at - datetime.now(UTC)) < timedelta(minutes=1)
            assert page["events"][0]["alert"]["alert_id"] == first
            assert page["events"][0]["alert"]["counter"] == "D1"
            after = {"after": page["events"][0]["sequence"], "wait_seconds": 30}
            more = (await client.get("/v1/events", params=after)).json()
            assert [one["alert"]["alert_id"] for one in more["events"]] == [second]
            whole = await client.get("/v1/events")
            assert [one for one in NAMES if one in whole.text] == []
            done = await client.post("/v1/events/acknowledgement", json={"sequence": page["events"][0]["sequence"]})
            assert done.status_code == 204
            for no_number in (False, True, 1.0, "1"):
                refused = await client.post("/v1/events/acknowledgement", json={"sequence": no_number})
                assert problem(refused) == (422, "REQUEST_INVALID")
            for beyond in (more["cursor"] + 1, 2**53 - 1):
                assert problem(await client.get("/v1/events", params={"after": beyond})) == (409, "CURSOR_UNKNOWN")
                refused = await client.post("/v1/events/acknowledgement", json={"sequence": beyond})
                assert problem(refused) == (409, "CURSOR_UNKNOWN")
    with opened(office) as gateway:
        await stands(gateway)
        async with caller(create_app(gateway)) as client:
            again = (await client.get("/v1/events", params={"wait_seconds": 30})).json()
    assert [one["alert"]["alert_id"] for one in again["events"]] == [second]
    assert {one.actor for one in office.trail(Action.SUBSCRIPTION_OPENED)} == {"device:batam-center/notifier/duty"}


async def test_states_say_whether_a_traveller_would_ring(office: PortOffice) -> None:
    with opened(office) as gateway:
        await stands(gateway)
        async with caller(create_app(gateway)) as client:
            told = (await client.get("/v1/states")).json()
            assert (told["connected"], told["waiting_alerts"]) == (True, 0)
            assert (told["would_ring"], told["fault"]) == ("NONE", "CAMERA")
            assert told["list_renewed_at"]
            office.clock.go(hours=office.settings.freshness_limit_hours + 1)

            async def says_so() -> bool:
                return "SOURCE_STALE" in {one["kind"] for one in (await client.get("/v1/states")).json()["problems"]}

            await becomes(says_so)


async def test_a_list_is_pushed_by_a_person_with_the_right_and_by_nobody_else(office: PortOffice) -> None:
    changed = write_orders(office.site.folder / "list", [row("O-2", subject_id="S-2"), row("O-3", valid_until="soon")])
    content = (changed / ORDERS_FILE).read_bytes()
    with opened(office, max_list_bytes=100_000) as gateway:
        async with caller(create_app(gateway)) as client:
            for token in ({}, {"cekalwatch-session": "x" * 12_000}, {"cekalwatch-session": "a\tb"}):
                alone = await client.post("/v1/list/preview", params=LIST_FILE, content=content, headers=token)
                assert problem(alone) == (401, "SIGN_IN_NEEDED")
                assert "POST /v1/session" in alone.json()["detail"], "and no call of the library"
            much = b"x" * 100_001
            before = await client.post("/v1/list/preview", params=LIST_FILE, content=much)
            assert problem(before) == (401, "SIGN_IN_NEEDED"), "before a byte is taken"
            wrong = await client.post("/v1/session", json={"name": "lina", "password": "guess"})
            assert problem(wrong)[0] == 401
            tokens = {}
            for name in PEOPLE:
                session = await client.post("/v1/session", json={"name": name, "password": PASSWORD})
                assert session.status_code == 201
                tokens[name] = {"cekalwatch-session": session.json()["token"]}
            officers = await client.post("/v1/list/preview", params=LIST_FILE, content=content, headers=tokens["budi"])
            assert problem(officers) == (403, "PERSON_ROLE_NEEDED")
            large = await client.post("/v1/list/preview", params=LIST_FILE, content=much, headers=tokens["lina"])
            assert problem(large) == (413, "LIST_TOO_LARGE")
            held = [gateway.lists.acquire(blocking=False) for _ in range(MAX_LISTS)]
            further = await client.post("/v1/list/preview", params=LIST_FILE, content=content, headers=tokens["lina"])
            assert problem(further) == (429, "TOO_MANY_LISTS")
            for _ in held:
                gateway.lists.release()
            answer = await client.post("/v1/list/preview", params=LIST_FILE, content=content, headers=tokens["lina"])
            preview = answer.json()
            assert {one["order_id"]: (one["problem"], one["fields"]) for one in preview["records"]} == {
                "O-2": (False, []),
                "O-3": (True, ["valid_until"]),
            }
            assert "soon" not in answer.text
            other = {"digest": "0" * 64} | LIST_FILE
            refused = await client.post("/v1/list/import", params=other, content=content, headers=tokens["lina"])
            assert problem(refused)[1] == "IMPORT_OUTDATED"
            exact = {"digest": preview["digest"]} | LIST_FILE
            done = await client.post("/v1/list/import", params=exact, content=content, headers=tokens["lina"])
            assert done.status_code == 200
            assert (await client.delete("/v1/session", headers=tokens["lina"])).status_code == 204
            after = await client.post("/v1/list/preview", params=LIST_FILE, content=content, headers=tokens["lina"])
            assert problem(after)[0] == 401
    entries = [one for one in office.trail(Action.ORDER_IMPORTED) if "O-2" in one.objects]
    assert entries[-1].actor.startswith(f"person:{office.people['lina'].person_id}")


async def test_without_the_key_there_is_nothing_and_too_much_is_refused(office: PortOffice) -> None:
    with opened(office) as gateway:
        app = create_app(gateway)
        for key in (b"", b"x" * 64, b"\xc3\xa9"):
            async with caller(app) as client:
                sent = [(b"authorization", b"Bearer " + key)]
                for method, path in (("GET", "/v1/events"), ("GET", "/v1/openapi.json"), ("DELETE", "/v1/session")):
                    assert problem(await client.request(method, path, headers=sent)) == (401, "KEY_WRONG")
                pushed = await client.post("/v1/list/preview", params=LIST_FILE, content=b"x", headers=sent)
                assert problem(pushed) == (401, "KEY_WRONG")
        async with caller(app) as client:
            assert problem(await client.post("/v1/session", content=b"x" * 20_000)) == (413, "BODY_TOO_LARGE")
            secret = await client.post("/v1/session", json={"name": "", "password": "hidden word"})
            assert problem(secret) == (422, "REQUEST_INVALID")
            assert "hidden" not in secret.text
            assert secret.json()["detail"] == "Look at: body name."
            halved = await client.post("/v1/session", content=b'{"name": ', headers={"content-type": TEXT})
            assert (problem(halved)[0], halved.json()["detail"]) == (422, "Look at: body.")
            for path, allowed in (("/v1/session", "DELETE, POST"), ("/v1/events", "GET"), ("/v1/openapi.json", "GET")):
                other = await client.put(path, content=b"")
                assert (problem(other)[0], other.headers["allow"]) == (405, allowed)
            held = [gateway.waiting.acquire() for _ in range(MAX_WAITING)]
            assert problem(await client.get("/v1/events")) == (429, "TOO_MANY_WAIT")
            for _ in held:
                gateway.waiting.release()
            assert problem(await client.get("/v1/nothing"))[0] == 404


def test_the_document_is_openapi_and_has_no_place_for_a_person_of_the_list() -> None:
    from openapi_spec_validator import OpenAPIV31SpecValidator  # takes seconds to load, for all who collect tests

    document = json.loads(CliRunner().invoke(command, ["openapi"]).stdout)
    assert document["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(document).validate()
    operations = [one for path in document["paths"].values() for one in path.values()]
    assert len({one["operationId"] for one in operations}) == len(operations)
    for code, answer in ((code, answer) for one in operations for code, answer in one["responses"].items()):
        if int(code) >= 400:
            reference = {"$ref": "#/components/schemas/Problem"}
            assert answer["content"]["application/problem+json"]["schema"] == reference
    assert not re.findall(r'"(?:exclusiveM|m)(?:ax|in)imum": [^,}]*[.e]', json.dumps(document)), "a bound is an integer"
    answered = [document["components"]["schemas"][one] for one in ("Event", "Alert", "States", "ListRecord")]
    fields = {name for one in answered for name in one["properties"]}
    assert not fields & {"name", "subject", "orders", "candidates", "score", "jpeg", "value", "values", "faults"}


@pytest.mark.exhaustive  # the other tests here show each answer; this one looks for one that the document does not have
async def test_every_answer_is_one_that_the_document_has(office: PortOffice) -> None:
    with opened(office) as gateway:
        await asyncio.to_thread(fuzz, create_app(gateway))


CHECKS = [
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


def fuzz(app: FastAPI) -> None:
    """Send what the document allows, and some of what it does not; each answer is one that the document has."""
    schema = schemathesis.openapi.from_dict(app.openapi())
    schema.app = app
    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    assert len(operations) == 7
    for operation in operations:

        @given(case=operation.as_strategy())
        @hypothesis.settings(max_examples=5, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        def tried(case: Any) -> None:
            if case.query:
                case.query.pop("wait_seconds", None)  # an answer in half a minute says no more
            case.call_and_validate(headers={"Authorization": f"Bearer {KEY}"}, checks=CHECKS)

        tried()

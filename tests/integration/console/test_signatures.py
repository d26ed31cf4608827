"""A second person who signs at another machine: who asks at a console waits, and who signs reads what will be done."""

from __future__ import annotations

import hashlib
from typing import Any

import httpx
import pytest

from cekalwatch.contract.codec.approvals import APPROVAL
from cekalwatch.contract.values.approvals import Approval
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.audit.entry import Action
from cekalwatch.v1 import operations_service_pb2, session_service_pb2
from cekalwatch.v1.operations_service_pb2_grpc import OperationsServiceStub
from cekalwatch.v1.session_service_pb2_grpc import SessionServiceStub
from cekalwatch.wire.tokens import bearer, signed_bytes
from tests.support.scenarios.port_office import PortOffice, Seat
from tests.support.scenarios.second_person import method_of
from tests.support.scenarios.site_pki import SITE
from tests.support.scenarios.web_console import Browser, form_token, words

pytestmark = pytest.mark.slow
PEOPLE = {"adi": (PersonRole.ADMINISTRATOR,), "sari": (PersonRole.SUPERVISOR,), "budi": ()}
DEWI = {"name": "dewi", "display_name": "Dewi", "role-OFFICER": "1", "sites": SITE}


def sessions(seat: Seat) -> Any:
    return SessionServiceStub(seat.channel)


async def waiting(seat: Seat) -> list[Approval]:
    request = session_service_pb2.ListApprovalsRequest()
    found = await sessions(seat).ListApprovals(request, metadata=bearer(seat.token))
    return [APPROVAL.read(one) for one in found.waiting]


async def answer(seat: Seat, *, sign: bool) -> None:
    (one,) = await waiting(seat)
    request = session_service_pb2.AnswerApprovalRequest(
        approval_id=one.approval_id, request_sha256=one.digest, sign=sign
    )
    await sessions(seat).AnswerApproval(request, metadata=bearer(seat.token))


async def asked(browser: Browser) -> httpx.Response:
    """Ask somebody at another machine to sign for a new account; return the page that waits."""
    token = await browser.token("/people")
    sent = await browser.post("/people", token, **DEWI, second_by="machine")
    assert sent.status_code == 303
    return await browser.get(sent.headers["location"])


async def test_an_account_is_made_once_somebody_has_signed_at_a_pc(office: PortOffice, browser: Browser) -> None:
    sari = await office.sign_in("sari")
    page = await asked(browser)
    assert "Nobody has signed yet." in words(page)
    here = str(page.url.path)
    assert (await browser.get(here.removesuffix("/wait"))).headers["location"] == here, "not before that"
    await answer(sari, sign=True)
    part = await browser.get(here.replace("/wait", "/part"))
    assert f"{office.people['sari'].display_name} has signed" in words(part)
    form = await browser.get(here.removesuffix("/wait"))
    assert 'value="dewi"' in form.text
    fields = DEWI | {"signed": form.text.partition('name="signed" value="')[2].partition('"')[0]}
    done = await browser.post("/people", form_token(form), **fields)
    assert "dewi" in words(done)
    (added,) = [one for one in office.trail(Action.PERSON_ADDED) if "gives" in one.details]
    assert str(office.people["sari"].person_id) in added.objects
    assert len(office.trail(Action.APPROVAL_SIGNED)) == 1


async def test_who_refuses_is_named_and_nothing_is_done(office: PortOffice, browser: Browser) -> None:
    sari = await office.sign_in("sari")
    page = await asked(browser)
    await answer(sari, sign=False)
    part = await browser.get(str(page.url.path).replace("/wait", "/part"))
    assert f"{office.people['sari'].display_name} has refused" in words(part)
    assert not office.trail(Action.APPROVAL_SIGNED)


async def test_who_signs_at_a_console_reads_every_value_and_what_they_ask_for_there_is_signed_elsewhere(
    office: PortOffice, browser: Browser
) -> None:
    await asked(browser)
    token = await browser.token()
    await browser.post("/sign-out", token)
    await browser.sign_in("sari")
    page = await browser.get("/approvals")
    assert "Nobody asks for your signature at this machine." in words(page)
    adi = await office.sign_in("adi")
    wanted = operations_service_pb2.SetThresholdRequest(threshold=0.6)
    request = session_service_pb2.AskApprovalRequest(method=method_of(wanted), request=signed_bytes(wanted))
    given = await sessions(adi).AskApproval(request, metadata=bearer(adi.token))
    page = await browser.get("/approvals")
    told = words(page)
    assert "Set the threshold" in told
    assert "Threshold 0.6 Learning goes on from it no" in told
    assert f"{office.people['adi'].display_name} asks at {SITE}/notifier/pc-adi" in told
    key, digest = given.approval.approval_id, hashlib.sha256(signed_bytes(wanted)).hexdigest()
    wrong = await browser.post(f"/approvals/{key}/sign", form_token(page), digest="00" * 32)
    assert wrong.status_code != 303
    sent = await browser.post(f"/approvals/{key}/sign", form_token(page), digest=digest)
    assert sent.headers["location"] == "/approvals?done=sign"
    assert "You have signed." in words(await browser.get("/approvals?done=sign"))
    stub: Any = OperationsServiceStub(adi.channel)
    await stub.SetThreshold(wanted, metadata=bearer(adi.token, given.token))
    assert len(office.trail(Action.THRESHOLD_SET)) == 1

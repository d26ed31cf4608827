"""People sign in on devices with certificates, at a real server: what a thief and a lone administrator get of it."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from sqlmodel import select
from structlog.testing import capture_logs

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.program.secret_files import write_private
from cekalwatch.server.audit.entry import Action
from cekalwatch.server.auth.limits import MAX_OPEN
from cekalwatch.server.auth.signing_in.passwords import Passwords
from cekalwatch.server.grpc_api.workers import MAX_WAITING
from cekalwatch.server.storage.people.tables import PersonSessionRow
from cekalwatch.v1 import alert_service_pb2 as alerts
from cekalwatch.v1 import session_pb2, watchlist_service_pb2
from cekalwatch.v1 import session_service_pb2 as messages
from cekalwatch.v1.alert_service_pb2_grpc import AlertServiceStub
from cekalwatch.v1.watchlist_service_pb2_grpc import WatchlistServiceStub
from cekalwatch.wire.identity import DeviceRole, Identity
from cekalwatch.wire.tokens import bearer
from tests.support.fakes.identity_server import CLIENT_ID, CLIENT_SECRET, NATIVE_ID, REDIRECT, IdentityServer
from tests.support.scenarios.people import CHEAP, OTHER_PASSWORD, PASSWORD, person
from tests.support.scenarios.server import reason_of
from tests.support.scenarios.sign_in import WAIT_S, Scene, becomes, refused
from tests.support.scenarios.site_pki import SITE, Site

SECOND = session_pb2.SESSION_PURPOSE_SECOND_PERSON
NEW_PASSWORD = "garam sepeda awan biru"


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    site = Site(tmp_path)
    return Scene(site, site.settings())


@pytest.mark.slow
async def test_a_locked_pc_is_no_warning_in_the_log(scene: Scene):
    async with scene.served(), scene.desk() as desk:
        with capture_logs() as lines:
            for _ in range(3):
                assert await refused(desk.alerts("")) == "SIGN_IN_NEEDED"
    told = [line for line in lines if line["event"] in {"sign_in_awaited", "call_not_allowed", "call_refused"}]
    assert [(line["event"], line["log_level"]) for line in told] == [("sign_in_awaited", "info")]


@pytest.mark.slow
async def test_an_officer_signs_in_sees_the_alerts_and_signs_out(scene: Scene):
    who = scene.hire("budi", PersonRole.OFFICER)
    async with scene.served(), scene.desk() as desk:
        assert await refused(desk.alerts("")) == "SIGN_IN_NEEDED"
        token = await desk.sign_in()
        session = await desk.whoami(token)
        assert (session.person_id, session.display_name) == (str(who.person_id), "Petugas budi")
        assert list(session.roles) == [session_pb2.PERSON_ROLE_OFFICER]
        assert session.idle_timeout.ToTimedelta() == timedelta(minutes=15)
        await desk.alerts(token)
        await desk.sessions().SignOut(messages.SignOutRequest(), metadata=bearer(token))
        assert await refused(desk.alerts(token)) == "SESSION_ENDED"
    (viewed,) = scene.trail(Action.ALERTS_LISTED)
    assert viewed.actor == f"person:{who.person_id}@batam-center/notifier/pc-1"


@pytest.mark.slow
async def test_a_wrong_password_and_an_unknown_name_get_the_same_answer_until_they_are_locked(scene: Scene):
    scene.hire("budi")
    async with scene.served(), scene.desk() as desk:
        for name in ("budi", "nobody"):
            for _ in range(5):
                assert await refused(desk.sign_in(name, OTHER_PASSWORD)) == "SIGN_IN_REFUSED"
            assert await refused(desk.sign_in(name)) == "SIGN_IN_LOCKED"
        scene.clock.later = timedelta(seconds=31)
        assert await refused(desk.sign_in("nobody")) == "SIGN_IN_REFUSED"
        assert await desk.sign_in("budi")


@pytest.mark.slow
async def test_a_session_ends_when_nobody_works_with_it(scene: Scene):
    scene.hire("budi")
    async with scene.served(), scene.desk() as desk:
        token = await desk.sign_in()
        scene.clock.later = timedelta(minutes=14)
        await desk.alerts(token)
        scene.clock.later = timedelta(minutes=28)
        await desk.alerts(token)
        scene.clock.later = timedelta(minutes=44)
        assert await refused(desk.alerts(token)) == "SESSION_ENDED"


@pytest.mark.slow
async def test_a_token_that_was_stolen_is_worth_nothing_on_another_device(scene: Scene):
    who = scene.hire("budi")
    async with scene.served(), scene.desk() as desk, scene.desk("pc-2") as thief:
        token = await desk.sign_in()
        assert await refused(thief.alerts(token)) == "SESSION_ENDED"
        assert await refused(thief.whoami(token)) == "SESSION_ENDED"
        await desk.alerts(token)
    assert {(one.actor, one.objects) for one in scene.trail(Action.SESSION_REFUSED)} == {
        ("device:batam-center/notifier/pc-2", f'["person:{who.person_id}"]')
    }


@pytest.mark.slow
async def test_a_session_survives_the_renewal_of_its_devices_certificate_and_a_step_goes_through(scene: Scene):
    scene.hire("budi")
    async with scene.served(), scene.desk() as desk, scene.desk("pc-2") as thief:
        token = await desk.sign_in()
        pki, files = scene.site.pki, scene.site.device(DeviceRole.NOTIFIER, "pc-1")
        certificate = pki.renew(Identity(DeviceRole.NOTIFIER, SITE, "pc-1"), datetime.now(UTC))
        write_private(files.certificate, pki.chain(certificate))
        async with scene.desk() as renewed:
            assert await refused(thief.alerts(token)) == "SESSION_ENDED"
            # An alert that is not there is looked for: the person was let in.
            assert await refused(renewed.claim(token)) == "ALERT_NOT_FOUND"


@pytest.mark.slow
async def test_a_session_is_every_servers(scene: Scene):
    scene.hire("budi")
    async with scene.served(), scene.desk() as desk:
        token = await desk.sign_in()
    async with scene.served(), scene.desk() as desk:
        await desk.alerts(token)


@pytest.mark.slow
async def test_with_a_first_password_nothing_is_allowed_but_changing_it(scene: Scene):
    scene.hire("budi", first=True)
    async with scene.served(), scene.desk() as desk:
        token = await desk.sign_in()
        assert (await desk.whoami(token)).password_change_needed
        assert await refused(desk.alerts(token)) == "PASSWORD_CHANGE_NEEDED"
        assert await refused(desk.change(token, OTHER_PASSWORD, NEW_PASSWORD)) == "SIGN_IN_REFUSED"
        assert await refused(desk.change(token, PASSWORD, "short")) == "PASSWORD_TOO_SHORT"
        assert await refused(desk.alerts(token)) == "PASSWORD_CHANGE_NEEDED"
        await desk.change(token, PASSWORD, NEW_PASSWORD)
        await desk.alerts(token)
        assert not (await desk.whoami(token)).password_change_needed
        assert await refused(desk.sign_in()) == "SIGN_IN_REFUSED"
        assert await desk.sign_in(password=NEW_PASSWORD)


@pytest.mark.slow
async def test_who_is_disabled_is_out_at_once(scene: Scene):
    budi = scene.hire("budi")
    async with scene.served(), scene.desk() as desk:
        token = await desk.sign_in()
        scene.office.people.change(replace(budi, disabled=True), scene.office.entry(Action.PERSON_CHANGED))
        assert await refused(desk.alerts(token)) == "SESSION_ENDED"
        assert await refused(desk.sign_in()) == "SIGN_IN_REFUSED"


@pytest.mark.slow
async def test_roles_that_were_taken_away_are_gone_at_once(scene: Scene):
    budi = scene.hire("budi", PersonRole.OFFICER)
    async with scene.served(), scene.desk() as desk:
        token = await desk.sign_in()
        await desk.alerts(token)
        changed = replace(budi, roles=frozenset({PersonRole.ADMINISTRATOR}))
        scene.office.people.change(changed, scene.office.entry(Action.PERSON_CHANGED))
        assert await refused(desk.alerts(token)) == "PERSON_ROLE_NEEDED"


@pytest.mark.slow
async def test_a_stream_ends_with_its_persons_session(scene: Scene):
    scene.hire("lina", PersonRole.LIST_MANAGER)
    async with scene.served(), scene.desk() as desk:
        token = await desk.sign_in("lina")
        stub: Any = WatchlistServiceStub(desk.channel)
        stream = stub.ImportWatchlist(metadata=bearer(token))
        await stream.write(watchlist_service_pb2.ImportWatchlistRequest(record=watchlist_service_pb2.ImportRecord()))
        assert (await stream.read()).report.reason == "RECORD_INVALID"
        await desk.sessions().SignOut(messages.SignOutRequest(), metadata=bearer(token))
        async with asyncio.timeout(WAIT_S):
            assert await refused(stream.read()) == "SESSION_ENDED"


@pytest.mark.slow
async def test_a_stream_in_use_keeps_its_session(scene: Scene):
    scene.hire("lina", PersonRole.LIST_MANAGER)
    async with scene.served(), scene.desk() as desk:
        token = await desk.sign_in("lina")
        stub: Any = WatchlistServiceStub(desk.channel)
        stream = stub.ImportWatchlist(metadata=bearer(token))
        record = watchlist_service_pb2.ImportWatchlistRequest(record=watchlist_service_pb2.ImportRecord())
        await stream.write(record)
        assert (await stream.read()).report.reason == "RECORD_INVALID"
        scene.clock.later = timedelta(minutes=10)
        await stream.write(record)
        assert (await stream.read()).report.reason == "RECORD_INVALID"
        # Noted when the streams are looked at; so long the clock stands still.
        await becomes(lambda: noted_since(scene, timedelta(minutes=9)))
        scene.clock.later = timedelta(minutes=20)
        assert (await desk.whoami(token)).person_id


async def noted_since(scene: Scene, later: timedelta) -> bool:
    with scene.database.session() as session:
        return session.exec(select(PersonSessionRow.used_at)).one() > datetime.now(UTC) + later


@pytest.mark.slow
async def test_an_idle_stream_ends_with_its_persons_session(scene: Scene):
    scene.hire("lina", PersonRole.LIST_MANAGER)
    async with scene.served(), scene.desk() as desk:
        token = await desk.sign_in("lina")
        stub: Any = WatchlistServiceStub(desk.channel)
        stream = stub.ImportWatchlist(metadata=bearer(token))
        await stream.write(watchlist_service_pb2.ImportWatchlistRequest(record=watchlist_service_pb2.ImportRecord()))
        assert (await stream.read()).report.reason == "RECORD_INVALID"
        scene.clock.later = timedelta(minutes=31)
        async with asyncio.timeout(WAIT_S):
            assert await refused(stream.read()) == "SESSION_ENDED"


@pytest.mark.slow
async def test_a_header_that_is_no_token_opens_nothing(scene: Scene):
    scene.hire("budi")
    async with scene.served(), scene.desk() as desk:
        token = await desk.sign_in()
        stub: Any = AlertServiceStub(desk.channel)
        for header in ("Bearer ", f"Basic {token}", token, "Bearer " + "A" * 43, "Bearer " + "A" * 5000):
            call = stub.ListAlerts(alerts.ListAlertsRequest(), metadata=(("authorization", header),))
            assert await refused(call) in {"SIGN_IN_NEEDED", "SESSION_ENDED"}
        await stub.ListAlerts(alerts.ListAlertsRequest(), metadata=(("authorization", f"bearer {token}"),))


async def test_a_sign_in_out_of_its_bounds_is_refused(scene: Scene):
    scene.hire("budi")
    right = messages.PasswordProof(sign_in_name="budi", password=PASSWORD)
    code = messages.AuthorizationCodeProof(code="c", code_verifier="v" * 42, redirect_uri="http://x", nonce="n" * 16)
    act = session_pb2.JointAct(action=session_pb2.TWO_PERSON_ACTION_CHANGE_THRESHOLD, request_sha256=b"x" * 32)
    async with scene.served(), scene.desk() as desk:
        for request in (
            messages.SignInRequest(),
            messages.SignInRequest(purpose=7, password=right),  # type: ignore[arg-type]  # one that will come later
            messages.SignInRequest(password=messages.PasswordProof(sign_in_name="", password=PASSWORD)),
            messages.SignInRequest(password=messages.PasswordProof(sign_in_name="b" * 65, password=PASSWORD)),
            messages.SignInRequest(password=messages.PasswordProof(sign_in_name="budi", password="x" * 257)),
            messages.SignInRequest(authorization_code=code),
            messages.SignInRequest(purpose=SECOND, password=right),
            messages.SignInRequest(joint_act=act, password=right),
            messages.SignInRequest(purpose=SECOND, joint_act=session_pb2.JointAct(action=act.action), password=right),
            messages.SignInRequest(
                purpose=SECOND, joint_act=session_pb2.JointAct(request_sha256=b"x" * 32), password=right
            ),
        ):
            assert await refused(desk.sessions().SignIn(request)) == "ARGUMENT_INVALID"
        alone = messages.SignInRequest(purpose=SECOND, joint_act=act, password=right)
        assert await refused(desk.sessions().SignIn(alone)) == "SIGN_IN_NEEDED"


@pytest.mark.slow
async def test_without_an_identity_provider_its_codes_are_not_taken(scene: Scene):
    code = messages.AuthorizationCodeProof(code="c", code_verifier="v" * 43, redirect_uri="http://x", nonce="n" * 16)
    async with scene.served(), scene.desk() as desk:
        assert (
            await refused(desk.sessions().SignIn(messages.SignInRequest(authorization_code=code)))
            == "SIGN_IN_NOT_OFFERED"
        )


@pytest.mark.slow
async def test_many_who_sign_in_at_once_are_answered_or_told_to_come_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
):
    # The others wait meanwhile: it takes longer than for them to come.
    monkeypatch.setattr(Passwords.__init__, "__defaults__", (replace(CHEAP, time_cost=2, memory_cost=32 << 10),))
    scene.hire("budi")
    each = MAX_OPEN[DeviceRole.NOTIFIER]
    async with scene.served(), AsyncExitStack() as stack:
        desks = [await stack.enter_async_context(scene.desk(f"pc-{n}")) for n in range(2 + MAX_WAITING // each)]
        tries = [desk.sign_in(f"nobody-{n}") for n, desk in enumerate(desks * each)]
        answers = await asyncio.gather(*tries, return_exceptions=True)
        reasons = [reason_of(one) for one in answers if isinstance(one, grpc.aio.AioRpcError)]
        assert set(reasons) == {"SIGN_IN_REFUSED", "SIGN_IN_BUSY"}
        assert len(reasons) == len(tries) > MAX_WAITING
        assert await desks[0].sign_in(), "and then all is as before"


async def test_the_server_certificate_stands_for_the_administrator_without_a_person(scene: Scene):
    async with scene.served(), scene.desk("other", DeviceRole.SERVER) as desk:
        stub: Any = WatchlistServiceStub(desk.channel)
        await stub.ListSubjects(watchlist_service_pb2.ListSubjectsRequest())
        assert await refused(desk.set_threshold(0.6, "", "")) == "SIGN_IN_NEEDED"
    (entry,) = scene.trail(Action.SUBJECTS_LISTED)
    assert entry.actor == f"device:{SITE}/server/other"


async def test_an_officer_signs_in_through_the_identity_provider(scene: Scene):
    who = scene.office.hire(person("budi", PersonRole.OFFICER), password=None).person
    with IdentityServer() as provider:
        secret = scene.site.folder / "openid.secret"
        write_private(secret, f"{CLIENT_SECRET}\n".encode())
        entry = {"issuer": provider.issuer, "client_id": CLIENT_ID, "client_secret_file": secret}
        scene.settings = scene.site.settings(openid=entry | {"native_client_id": NATIVE_ID})
        provider.change = lambda claims: claims | {"auth_time": claims["iat"]}
        async with scene.served(), scene.desk() as desk:
            proof = messages.AuthorizationCodeProof(
                code=provider.consent("budi", "v" * 43, "n" * 16, client_id=NATIVE_ID),
                code_verifier="v" * 43,
                redirect_uri=REDIRECT,
                nonce="n" * 16,
            )
            request = messages.SignInRequest(authorization_code=proof)
            answer = await desk.sessions().SignIn(request)
            session = await desk.whoami(answer.token)
            assert (session.person_id, session.by_provider) == (str(who.person_id), True)
            await desk.alerts(answer.token)
            assert await refused(desk.change(answer.token, "", NEW_PASSWORD)) == "PASSWORD_NOT_KEPT_HERE"
            assert await refused(desk.sessions().SignIn(request)) == "SIGN_IN_REFUSED"
    (entry_of_it,) = scene.trail(Action.SIGNED_IN)
    details = json.loads(entry_of_it.details)
    assert (details["by"], details["purpose"]) == ("OPENID", "SESSION")

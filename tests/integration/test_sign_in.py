"""People sign in on devices with certificates, at a real server: what a thief and a lone administrator get of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from sqlmodel import select

from cekalwatch.program.secret_files import write_private
from cekalwatch.server.app import Server
from cekalwatch.server.config import ServerSettings
from cekalwatch.server.domain.people import Person, PersonRole
from cekalwatch.server.grpc_api.session import MOST_WAITING
from cekalwatch.server.security.audit import Action, Link
from cekalwatch.server.security.limits import MOST_OPEN
from cekalwatch.server.security.passwords import Passwords
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.people_tables import PersonSessionRow
from cekalwatch.v1 import alert_service_pb2 as alerts
from cekalwatch.v1 import operations_pb2, session_pb2, watchlist_service_pb2
from cekalwatch.v1 import operations_service_pb2 as operations
from cekalwatch.v1 import session_service_pb2 as messages
from cekalwatch.v1.alert_service_pb2_grpc import AlertServiceStub
from cekalwatch.v1.operations_service_pb2_grpc import OperationsServiceStub
from cekalwatch.v1.session_service_pb2_grpc import SessionServiceStub
from cekalwatch.v1.watchlist_service_pb2_grpc import WatchlistServiceStub
from cekalwatch.vision.manifest import load_pack
from cekalwatch.wire.identity import DeviceRole, Identity
from cekalwatch.wire.tokens import bearer
from tests.support.identity_server import CLIENT_ID, CLIENT_SECRET, REDIRECT, IdentityServer
from tests.support.people import OTHER_PASSWORD, PASSWORD, Office, person
from tests.support.server import reason_of
from tests.support.site_pki import SITE, Site
from tests.support.starter import starter_pack

NEW_PASSWORD = "garam sepeda awan biru"
CALLS = session_pb2.SESSION_PURPOSE_CALLS
SECOND = session_pb2.SESSION_PURPOSE_SECOND_PERSON
WAIT_S = 30


class LateClock:
    """The machine's clock, some time later; certificates are judged by it too, so the time must be short."""

    def __init__(self) -> None:
        self.later = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.later


@dataclass
class Desk:
    """A device with its connection."""

    channel: grpc.aio.Channel

    # The generated stubs are typed for one kind of channel only.
    def sessions(self) -> Any:
        return SessionServiceStub(self.channel)

    async def sign_in(self, name: str = "budi", password: str = PASSWORD, purpose: Any = CALLS) -> str:
        proof = messages.PasswordProof(sign_in_name=name, password=password)
        answer = await self.sessions().SignIn(messages.SignInRequest(purpose=purpose, password=proof))
        return str(answer.token)

    async def whoami(self, token: str) -> session_pb2.Session:
        answer = await self.sessions().GetSession(messages.GetSessionRequest(), metadata=bearer(token))
        return answer.session  # type: ignore[no-any-return]

    async def alerts(self, token: str) -> Any:
        stub: Any = AlertServiceStub(self.channel)
        return await stub.ListAlerts(alerts.ListAlertsRequest(), metadata=bearer(token))

    async def set_threshold(self, value: float | None, token: str, second: str) -> Any:
        stub: Any = OperationsServiceStub(self.channel)
        request = operations.SetThresholdRequest(threshold=value)
        return await stub.SetThreshold(request, metadata=bearer(token, second))

    async def change(self, token: str, present: str, wanted: str) -> Any:
        request = messages.ChangePasswordRequest(present_password=present, new_password=wanted)
        return await self.sessions().ChangePassword(request, metadata=bearer(token))


@dataclass
class Scene:
    """A server with its people, and devices to sign in on."""

    site: Site
    settings: ServerSettings
    clock: LateClock = field(default_factory=LateClock)
    address: str = ""

    def __post_init__(self) -> None:
        self.database = Database(self.settings.database_address)
        self.database.upgrade()
        self.office = Office(self.database, passwords=Passwords())

    def hire(self, name: str, *roles: PersonRole, first: bool = False) -> Person:
        return self.office.hire(person(name, *roles), first=first).person

    @asynccontextmanager
    async def desk(self, name: str = "pc-1", role: DeviceRole = DeviceRole.NOTIFIER) -> AsyncIterator[Desk]:
        async with self.site.dialer(self.address, self.site.device(role, name)).aio_channel() as channel:
            yield Desk(channel)

    @asynccontextmanager
    async def served(self) -> AsyncIterator[Scene]:
        async with Server(self.settings, self.clock) as server:
            self.address = f"127.0.0.1:{server.port}"
            yield self

    def trail(self, *actions: Action) -> list[Link]:
        return self.office.trail(*actions)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    site = Site(tmp_path)
    return Scene(site, site.settings())


async def refused(call: Any) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return reason_of(caught.value)


async def becomes(question: Callable[[], Awaitable[bool]]) -> None:
    """Ask until it is so: what the server does by itself, it tells nobody."""
    async with asyncio.timeout(WAIT_S):
        while True:
            if await question():
                return
            await asyncio.sleep(0.05)


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


async def test_a_renewed_certificate_is_another_device_to_a_token(scene: Scene):
    scene.hire("budi")
    async with scene.served(), scene.desk() as desk:
        token = await desk.sign_in()
        pki, files = scene.site.pki, scene.site.device(DeviceRole.NOTIFIER, "pc-1")
        certificate = pki.renew(Identity(DeviceRole.NOTIFIER, SITE, "pc-1"), datetime.now(UTC))
        write_private(files.certificate, pki.chain(certificate))
        async with scene.desk() as renewed:
            assert await refused(renewed.alerts(token)) == "SESSION_ENDED"


async def test_a_session_is_every_servers(scene: Scene):
    scene.hire("budi")
    async with scene.served(), scene.desk() as desk:
        token = await desk.sign_in()
    async with scene.served(), scene.desk() as desk:
        await desk.alerts(token)


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


async def test_who_is_disabled_is_out_at_once(scene: Scene):
    budi = scene.hire("budi")
    async with scene.served(), scene.desk() as desk:
        token = await desk.sign_in()
        scene.office.people.change(replace(budi, disabled=True), scene.office.entry(Action.PERSON_CHANGED))
        assert await refused(desk.alerts(token)) == "SESSION_ENDED"
        assert await refused(desk.sign_in()) == "SIGN_IN_REFUSED"


async def test_roles_that_were_taken_away_are_gone_at_once(scene: Scene):
    budi = scene.hire("budi", PersonRole.OFFICER)
    async with scene.served(), scene.desk() as desk:
        token = await desk.sign_in()
        await desk.alerts(token)
        changed = replace(budi, roles=frozenset({PersonRole.ADMINISTRATOR}))
        scene.office.people.change(changed, scene.office.entry(Action.PERSON_CHANGED))
        assert await refused(desk.alerts(token)) == "PERSON_ROLE_NEEDED"


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


async def test_the_threshold_takes_two_people_and_the_server_follows(scene: Scene):
    adi, sari = scene.hire("adi", PersonRole.ADMINISTRATOR), scene.hire("sari", PersonRole.SUPERVISOR)
    async with scene.served(), scene.desk() as desk:
        token = await desk.sign_in("adi")
        assert await in_force(desk, token, 0.45, operations_pb2.THRESHOLD_SOURCE_SETTINGS)
        assert await refused(desk.set_threshold(0.6, token, "")) == "SECOND_PERSON_NEEDED"
        assert (await threshold(desk, token))[0] == pytest.approx(0.45)
        await desk.set_threshold(0.6, token, await desk.sign_in("sari", purpose=SECOND))
        await becomes(lambda: in_force(desk, token, 0.6, operations_pb2.THRESHOLD_SOURCE_PEOPLE))
    async with scene.served(), scene.desk() as desk:
        token = await desk.sign_in("adi")
        assert (await threshold(desk, token))[0] == pytest.approx(0.6), "it outlives the server"
        await desk.set_threshold(None, token, await desk.sign_in("sari", purpose=SECOND))
        await becomes(lambda: in_force(desk, token, 0.45, operations_pb2.THRESHOLD_SOURCE_SETTINGS))
    first, second = scene.trail(Action.THRESHOLD_SET)
    assert first.actor == f"person:{adi.person_id}@batam-center/notifier/pc-1"
    assert first.objects == f'["person:{adi.person_id}","person:{sari.person_id}"]'
    model = load_pack(starter_pack()).model_version
    assert json.loads(first.details) == {"before": "not set", "model": model, "threshold": "0.6000"}
    assert json.loads(second.details) == {"before": "0.6000", "model": model, "threshold": "not set"}


async def threshold(desk: Desk, token: str) -> tuple[float, int]:
    stub: Any = OperationsServiceStub(desk.channel)
    gallery = (await stub.GetStatus(operations.GetStatusRequest(), metadata=bearer(token))).gallery
    return gallery.threshold, gallery.threshold_source


async def in_force(desk: Desk, token: str, value: float, source: int) -> bool:
    found, found_source = await threshold(desk, token)
    return found == pytest.approx(value) and found_source == source


async def test_the_word_of_a_second_person_is_good_for_one_call(scene: Scene):
    scene.hire("adi", PersonRole.ADMINISTRATOR)
    scene.hire("sari", PersonRole.SUPERVISOR)
    async with scene.served(), scene.desk() as desk:
        token, word = await desk.sign_in("adi"), await desk.sign_in("sari", purpose=SECOND)
        await desk.set_threshold(0.6, token, word)
        assert await refused(desk.set_threshold(0.3, token, word)) == "SESSION_ENDED"
        late = await desk.sign_in("sari", purpose=SECOND)
        scene.clock.later = timedelta(minutes=2)
        assert await refused(desk.set_threshold(0.3, token, late)) == "SESSION_ENDED"
    assert len(scene.trail(Action.THRESHOLD_SET)) == 1


async def test_two_words_of_one_person_are_not_two_people(scene: Scene):
    scene.hire("ani", PersonRole.ADMINISTRATOR, PersonRole.SUPERVISOR)
    async with scene.served(), scene.desk() as desk:
        token, word = await desk.sign_in("ani"), await desk.sign_in("ani", purpose=SECOND)
        assert await refused(desk.set_threshold(0.6, token, word)) == "SAME_PERSON_TWICE"
        # Nor is a session a word, one's own or another's.
        assert await refused(desk.set_threshold(0.6, token, token)) == "SESSION_ENDED"
    assert not scene.trail(Action.THRESHOLD_SET)


async def test_two_people_without_the_two_roles_cannot(scene: Scene):
    scene.hire("adi", PersonRole.ADMINISTRATOR)
    scene.hire("agus", PersonRole.ADMINISTRATOR)
    scene.hire("budi", PersonRole.OFFICER)
    async with scene.served(), scene.desk() as desk:
        token = await desk.sign_in("adi")
        for second in ("agus", "budi"):
            word = await desk.sign_in(second, purpose=SECOND)
            assert await refused(desk.set_threshold(0.6, token, word)) == "PERSON_ROLE_NEEDED"
        officer = await desk.sign_in("budi")
        word = await desk.sign_in("adi", purpose=SECOND)
        assert await refused(desk.set_threshold(0.6, officer, word)) == "PERSON_ROLE_NEEDED"


async def test_the_second_person_sits_at_the_same_device_and_has_changed_the_first_password(scene: Scene):
    scene.hire("adi", PersonRole.ADMINISTRATOR)
    scene.hire("sari", PersonRole.SUPERVISOR)
    scene.hire("siti", PersonRole.SUPERVISOR, first=True)
    async with scene.served(), scene.desk() as desk, scene.desk("pc-2") as other:
        token = await desk.sign_in("adi")
        elsewhere = await other.sign_in("sari", purpose=SECOND)
        assert await refused(desk.set_threshold(0.6, token, elsewhere)) == "SESSION_ENDED"
        fresh = await desk.sign_in("siti", purpose=SECOND)
        assert await refused(desk.set_threshold(0.6, token, fresh)) == "PASSWORD_CHANGE_NEEDED"


async def test_a_threshold_that_would_alert_on_everybody_or_nobody_is_refused(scene: Scene):
    scene.hire("adi", PersonRole.ADMINISTRATOR)
    scene.hire("sari", PersonRole.SUPERVISOR)
    async with scene.served(), scene.desk() as desk:
        token = await desk.sign_in("adi")
        for value in (0.19, 0.81, 1.5, -0.5, float("nan"), float("inf")):
            word = await desk.sign_in("sari", purpose=SECOND)
            assert await refused(desk.set_threshold(value, token, word)) == "ARGUMENT_INVALID"
    assert not scene.trail(Action.THRESHOLD_SET)


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
    async with scene.served(), scene.desk() as desk:
        for request in (
            messages.SignInRequest(),
            messages.SignInRequest(purpose=7, password=right),  # type: ignore[arg-type]  # one that will come later
            messages.SignInRequest(password=messages.PasswordProof(sign_in_name="", password=PASSWORD)),
            messages.SignInRequest(password=messages.PasswordProof(sign_in_name="b" * 65, password=PASSWORD)),
            messages.SignInRequest(password=messages.PasswordProof(sign_in_name="budi", password="x" * 257)),
            messages.SignInRequest(authorization_code=code),
        ):
            assert await refused(desk.sessions().SignIn(request)) == "ARGUMENT_INVALID"


async def test_without_an_identity_provider_its_codes_are_not_taken(scene: Scene):
    code = messages.AuthorizationCodeProof(code="c", code_verifier="v" * 43, redirect_uri="http://x", nonce="n" * 16)
    async with scene.served(), scene.desk() as desk:
        assert (
            await refused(desk.sessions().SignIn(messages.SignInRequest(authorization_code=code)))
            == "SIGN_IN_NOT_OFFERED"
        )


async def test_many_who_sign_in_at_once_are_answered_or_told_to_come_again(scene: Scene):
    scene.hire("budi")
    each = MOST_OPEN[DeviceRole.NOTIFIER]
    async with scene.served(), AsyncExitStack() as stack:
        desks = [await stack.enter_async_context(scene.desk(f"pc-{n}")) for n in range(2 + MOST_WAITING // each)]
        tries = [desk.sign_in(f"nobody-{n}") for n, desk in enumerate(desks * each)]
        answers = await asyncio.gather(*tries, return_exceptions=True)
        reasons = [reason_of(one) for one in answers if isinstance(one, grpc.aio.AioRpcError)]
        assert set(reasons) == {"SIGN_IN_REFUSED", "SIGN_IN_BUSY"}
        assert len(reasons) == len(tries) > MOST_WAITING
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
        scene.settings = scene.site.settings(openid=entry)
        async with scene.served(), scene.desk() as desk:
            proof = messages.AuthorizationCodeProof(
                code=provider.consent("budi", "v" * 43, "n" * 16),
                code_verifier="v" * 43,
                redirect_uri=REDIRECT,
                nonce="n" * 16,
            )
            request = messages.SignInRequest(authorization_code=proof)
            answer = await desk.sessions().SignIn(request)
            assert (await desk.whoami(answer.token)).person_id == str(who.person_id)
            await desk.alerts(answer.token)
            assert await refused(desk.change(answer.token, "", NEW_PASSWORD)) == "PASSWORD_NOT_KEPT_HERE"
            assert await refused(desk.sessions().SignIn(request)) == "SIGN_IN_REFUSED"
    (entry_of_it,) = scene.trail(Action.SIGNED_IN)
    assert entry_of_it.details == '{"by":"OPENID","purpose":"SESSION"}'

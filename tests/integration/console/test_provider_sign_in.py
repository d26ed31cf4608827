"""Signing in at the web console through an identity provider: there and back, and all that can go wrong on the way."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from functools import partial
from html import unescape
from operator import add
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from cekalwatch.console.checks import check_provider
from cekalwatch.console.signing_in import pending_logins
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.office.client.provider_visit import BACK
from cekalwatch.program.checks.results import CheckVerdict
from cekalwatch.server.audit.entry import Action
from tests.support.fakes.identity_server import IdentityServer
from tests.support.scenarios.people import PASSWORD
from tests.support.scenarios.port_office import PortOffice
from tests.support.scenarios.provider_office import provider_office, register
from tests.support.scenarios.web_console import Browser, Pages, form_token, onward, words

pytestmark = pytest.mark.slow
PEOPLE = {
    "sari": (PersonRole.SUPERVISOR,),
    "siti": (PersonRole.SUPERVISOR,),
    "adi": (PersonRole.ADMINISTRATOR,),
    "umi": (PersonRole.AUDITOR,),
}


@pytest.fixture
def provider() -> Iterator[IdentityServer]:
    with IdentityServer(host="localhost") as found:
        yield found


@pytest.fixture
async def office(tmp_path: Path, provider: IdentityServer) -> AsyncIterator[PortOffice]:
    found = provider_office(tmp_path, provider, PEOPLE)
    found.hire("jauh", sites=("sekupang",))
    async with found.open():
        yield found


@pytest.fixture
async def registered(pages: Pages, provider: IdentityServer) -> Pages:
    """The console, whose addresses the provider knows."""
    register(provider, f"http://{pages.address}")
    return pages


async def off(browser: Browser, after: str = "/") -> httpx.Response:
    """Choose the provider on the page to sign in."""
    assert "Sign in at localhost" in words(await browser.get("/sign-in"))
    return await browser.post("/sign-in/provider", after=after)


async def prove(browser: Browser, page: httpx.Response, name: str) -> str:
    """Go on from a page to the provider, say there who it is, and return where the browser is sent back to."""
    asked = await browser.go_on(page)
    if asked.status_code == 302:
        return asked.headers["location"]
    fields = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', asked.text))
    origin = f"{asked.url.scheme}://{asked.url.netloc.decode()}"
    sent = {key: unescape(value) for key, value in fields.items()} | {"who": name}
    answer = await browser.client.post(f"{origin}/login", data=sent)
    assert answer.status_code == 302, answer.text
    return answer.headers["location"]


async def enter(browser: Browser, name: str, after: str = "/") -> httpx.Response:
    """Sign in through the provider; return the page to which the browser goes on."""
    back = await browser.come_from_elsewhere(await prove(browser, await off(browser, after), name))
    assert back.status_code == 200, words(back)
    return await browser.go_on(back)


def session_of(browser: Browser) -> str:
    return browser.client.cookies.get("cekalwatch") or ""


async def test_who_signs_in_at_the_provider_is_in_with_a_new_cookie_and_out_at_both(
    registered: Pages, office: PortOffice, provider: IdentityServer
) -> None:
    async with registered.browser() as browser, registered.browser() as thief:
        assert (await browser.sign_in("siti")).status_code == 303
        before = session_of(browser)
        page = await enter(browser, "sari", "/statistics")
        assert (page.status_code, page.url.path) == (200, "/statistics")
        assert office.people["sari"].display_name in words(page)
        after = session_of(browser)
        assert after != before
        thief.client.cookies.set("cekalwatch", before, domain="127.0.0.1")
        assert (await thief.get("/")).status_code == 303, "the session that the browser had has ended"
        bye = await browser.post("/sign-out", form_token(page))
        assert "Your session here has ended" in words(bye)
        thief.client.cookies.set("cekalwatch", after, domain="127.0.0.1")
        assert (await thief.get("/")).status_code == 303
        assert not session_of(browser)
        back = await browser.client.get(onward(bye), follow_redirects=True)
        assert (back.url.path, str(back.url.host)) == ("/sign-in", "127.0.0.1")
        assert provider.requests.count("/logout") == 1
        assert not provider._signed_in
    (asked,) = provider.came_with
    assert asked["redirect_uri"] == f"http://{registered.address}{BACK}"
    assert (asked["prompt"], asked["max_age"], asked["code_challenge_method"]) == ("login", "0", "S256")
    assert (asked["scope"], asked["ui_locales"], asked["realm"]) == ("openid profile", "en", "port")
    assert min(len(asked[name]) for name in ("state", "nonce", "code_challenge")) >= 43
    signed_in = [link for link in office.trail(Action.SIGNED_IN) if "OPENID" in str(link.details)]
    assert len(signed_in) == 1


async def test_what_the_browser_is_given_on_its_way(registered: Pages) -> None:
    async with registered.browser() as browser:
        leaving = await off(browser)
        cookie = leaving.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=lax" in cookie, "it is needed when the browser comes back from another site"
        assert "max-age=600" in cookie
        assert "'self'" in leaving.headers["content-security-policy"]
        assert "localhost" not in leaving.headers["content-security-policy"], "no form goes anywhere else"
        assert leaving.headers["cache-control"] == "no-store"
        assert leaving.headers["referrer-policy"] == "same-origin"
        assert not session_of(browser)


async def test_what_the_provider_refuses_is_told_and_nothing_is_done(
    registered: Pages, provider: IdentityServer, subtests: pytest.Subtests
) -> None:
    for error, told in (
        ("access_denied", "cancelled or denied at localhost"),
        ("temporarily_unavailable", "does not work now"),
        ("server_error", "does not work now"),
        ("unauthorized_client", "refuses the request of this program (unauthorized_client)"),
        ("<b>x</b>", "refuses the request of this program (?)"),
    ):
        provider.error = error
        with subtests.test(error=error):
            async with registered.browser() as browser:
                await is_refused(browser, told)


async def is_refused(browser: Browser, told: str) -> None:
    """See that nobody gets in, and that it is told in the language of the page."""
    answer = await browser.come_from_elsewhere(await prove(browser, await off(browser, "/statistics"), "sari"))
    assert answer.status_code == 403
    assert told in words(answer)
    assert 'value="/statistics"' in answer.text, "the way on is kept for another try"
    assert "<script>alert" not in answer.text
    assert "<b>" not in answer.text
    assert not session_of(browser)
    assert 'name="after" value="/sign-in"' in answer.text, "the language can be chosen there"
    language = await browser.post("/language", language="id", after="/sign-in")
    assert language.status_code == 303
    answer = await browser.come_from_elsewhere(await prove(browser, await browser.post("/sign-in/provider"), "x"))
    assert "localhost" in words(answer)
    assert told not in words(answer), "in the other language"


async def test_who_is_not_known_here_is_not_let_in(registered: Pages, subtests: pytest.Subtests) -> None:
    for name, told in (("nobody", "the name is not known"), ("jauh", "You do not work at the site")):
        with subtests.test(name=name):
            async with registered.browser() as browser:
                answer = await browser.come_from_elsewhere(await prove(browser, await off(browser), name))
                assert (answer.status_code, told in words(answer)) == (403, True), words(answer)
                assert not session_of(browser)


async def test_an_answer_is_good_once_in_its_own_browser_and_for_ten_minutes(registered: Pages) -> None:
    async with registered.browser() as browser, registered.browser() as other:
        for other_has_left_too in (False, True):
            if other_has_left_too:
                await off(other)
            back = await prove(browser, await off(browser), "sari")
            stranger = await other.come_from_elsewhere(back)
            assert (stranger.status_code, "another browser" in words(stranger)) == (403, True)
            assert not session_of(other), "nobody is signed in as somebody else by a link"
            spent = await browser.come_from_elsewhere(back)
            assert (spent.status_code, "has already ended" in words(spent)) == (403, True), "and it is spent by that"
        back = await prove(browser, await off(browser), "sari")
        assert (await browser.come_from_elsewhere(back)).status_code == 200
        first = session_of(browser)
        again = await browser.come_from_elsewhere(back)
        assert (again.status_code, session_of(browser)) == (403, first), "a replay does nothing"
        back = await prove(browser, await browser.post("/sign-in/provider"), "sari")
        clock = registered.console.errands
        clock._monotonic = partial(add, clock._monotonic(), pending_logins.LASTS_S + 1)
        late = await browser.come_from_elsewhere(back)
        assert (late.status_code, "more than ten minutes ago" in words(late)) == (403, True)


async def test_two_tabs_of_a_browser_can_be_on_their_way(registered: Pages) -> None:
    async with registered.browser() as browser:
        pages = [await off(browser) for _ in range(2)]
        backs = [await prove(browser, page, "sari") for page in pages]
        assert [(await browser.come_from_elsewhere(back)).status_code for back in backs] == [200, 200]


async def test_an_answer_with_anything_of_it_wrong_lets_nobody_in(registered: Pages, subtests: pytest.Subtests) -> None:
    wrong: tuple[tuple[dict[str, str], str], ...] = (
        ({"state": "x" * 43}, "has already ended"),
        ({"state": ""}, "has already ended"),
        ({"iss": "https://evil.example"}, "not from localhost"),
        ({"iss": ""}, "not from localhost"),
        ({"code": ""}, "refuses the request of this program (?)"),
        ({"code": "x" * 3000}, "refuses the request of this program (?)"),
        ({"code": "x"}, "you cannot sign in here"),
    )
    for change, told in wrong:
        with subtests.test(change=change):
            async with registered.browser() as browser:
                back = urlsplit(await prove(browser, await off(browser), "sari"))
                fields = {name: values[0] for name, values in parse_qs(back.query).items()} | change
                answer = await browser.come_from_elsewhere(f"{BACK}?{urlencode(fields)}")
                assert (answer.status_code, told in words(answer)) == (403, True), words(answer)
                assert not session_of(browser)


async def test_who_is_signed_in_at_the_provider_is_asked_anew_all_the_same(
    registered: Pages, provider: IdentityServer
) -> None:
    """Somebody at an unattended PC takes `prompt` and `max_age` out of the address: the person there is long gone."""
    async with registered.browser() as browser:
        await enter(browser, "sari")
        cookie = next(iter(provider._signed_in))
        provider._signed_in[cookie] = ("sari", provider._signed_in[cookie][1] - 900)
        await browser.post("/sign-out", await browser.token("/statistics"))
        provider.asks_anew = False
        back = await prove(browser, await off(browser), "")
        answer = await browser.come_from_elsewhere(back)
        assert (answer.status_code, "did not ask again" in words(answer)) == (403, True), words(answer)
        assert not session_of(browser)


async def test_a_way_out_is_refused(registered: Pages) -> None:
    async with registered.browser() as browser:
        for after in ("//evil.example", "https://evil.example", "/\\evil.example", "\t//evil.example"):
            page = await enter(browser, "sari", after)
            assert (str(page.url.host), page.url.path) == ("127.0.0.1", "/"), after
        for origin in ("https://evil.example", "null", ""):
            answer = await browser.post("/sign-in/provider", origin=origin)
            assert answer.status_code == 403, origin


async def test_without_the_provider_people_sign_in_with_passwords(registered: Pages, provider: IdentityServer) -> None:
    provider.documents["/.well-known/openid-configuration"] = (503, {})
    async with registered.browser() as browser:
        answer = await off(browser, "/statistics")
        assert (answer.status_code, "cannot reach the identity provider" in words(answer)) == (503, True), words(answer)
        assert 'value="/statistics"' in answer.text
        assert (await browser.sign_in("sari")).status_code == 303
        del provider.documents["/.well-known/openid-configuration"]
        provider.documents["/token"] = (500, {})
        answer = await browser.come_from_elsewhere(await prove(browser, await off(browser), "sari"))
        assert (answer.status_code, "cannot reach the identity provider" in words(answer)) == (403, True), words(answer)


async def test_a_provider_that_ends_no_sessions_is_left_alone(registered: Pages, provider: IdentityServer) -> None:
    provider.ends_sessions = False
    async with registered.browser() as browser:
        await enter(browser, "sari")
        answer = await browser.post("/sign-out", await browser.token("/statistics"))
        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")


async def signed(browser: Browser, path: str, name: str, **fields: str) -> httpx.Response:
    """Send a form for which a second person signs at the provider; return the form as it comes back."""
    leaving = await browser.post(path, await browser.token(), **fields, second_by="provider")
    assert leaving.status_code == 200, words(leaving)
    back = await browser.come_from_elsewhere(await prove(browser, leaving, name))
    assert back.status_code == 200, words(back)
    return await browser.go_on(back)


def key_in(page: httpx.Response) -> str:
    return page.text.partition('name="signed" value="')[2].partition('"')[0]


async def test_a_second_person_signs_at_the_provider_for_what_was_typed_and_for_nothing_else(
    registered: Pages, office: PortOffice
) -> None:
    async with registered.browser() as browser:
        await enter(browser, "sari")
        page = await signed(browser, "/threshold/set", "adi", threshold="0,55")
        assert page.status_code == 200
        assert f"{office.people['adi'].display_name} has signed for this" in words(page)
        assert 'value="0,55"' in page.text, "what was typed stays"
        assert not office.trail(Action.THRESHOLD_SET)
        token, key = form_token(page), key_in(page)
        other = await browser.post("/threshold/set", token, threshold="0.66", signed=key)
        assert (other.status_code, "signed for something else" in words(other)) == (409, True), words(other)
        spent = await browser.post("/threshold/set", token, threshold="0,55", signed=key)
        assert (spent.status_code, "Ask them to sign again" in words(spent)) == (409, True)
        page = await signed(browser, "/threshold/set", "adi", threshold="0,55")
        done = await browser.post("/threshold/set", form_token(page), threshold="0,55", signed=key_in(page))
        assert (done.status_code, done.headers["location"]) == (303, "/threshold?done=1")
        gone = await browser.get(page.url.path)
        assert (gone.status_code, "already sent" in words(gone)) == (404, True)
    (entry,) = office.trail(Action.THRESHOLD_SET)
    assert all(str(office.people[name].person_id) in str(entry.objects) for name in ("sari", "adi"))


async def test_without_the_right_second_person_nothing_is_done(
    registered: Pages, office: PortOffice, subtests: pytest.Subtests
) -> None:
    for name, told in (
        ("sari", "Two different people"),
        ("siti", "does not have the role"),
        ("nobody", "you cannot sign in here"),
    ):
        with subtests.test(name=name):
            async with registered.browser() as browser:
                await enter(browser, "sari")
                page = await signed(browser, "/threshold/set", name, threshold="0.55")
                if key := key_in(page):
                    page = await browser.post("/threshold/set", form_token(page), threshold="0.55", signed=key)
                assert (page.status_code, told in words(page)) == (409, True), words(page)
                assert 'value="0.55"' in page.text
                assert not office.trail(Action.THRESHOLD_SET)


async def test_where_a_provider_is_the_second_person_is_led_there_first(registered: Pages) -> None:
    async with registered.browser() as browser:
        await enter(browser, "sari")
        form = (await browser.get("/threshold")).text.partition('action="/threshold/set"')[2].partition("</form>")[0]
        first = form.index("<button")
        assert 'name="second_by" value="provider"' in form[first : form.index("</button>", first)]
        assert first < form.index("<details>") < form.index('name="second_password"'), "a password is the other way"


async def test_a_second_person_who_gives_up_leaves_the_form_as_it_was(
    registered: Pages, office: PortOffice, provider: IdentityServer
) -> None:
    async with registered.browser() as browser, registered.browser() as other:
        await enter(browser, "sari")
        provider.error = "access_denied"
        page = await signed(browser, "/threshold/set", "adi", threshold="0.55")
        assert (page.status_code, "cancelled or denied" in words(page)) == (409, True)
        assert 'value="0.55"' in page.text
        provider.error = ""
        leaving = await browser.post("/threshold/set", form_token(page), threshold="0.55", second_by="provider")
        back = await prove(browser, leaving, "adi")
        assert (await other.come_from_elsewhere(back)).status_code == 403
        leaving = await browser.post("/threshold/set", form_token(page), threshold="0.55", second_by="provider")
        back = await prove(browser, leaving, "adi")
        await browser.post("/sign-out", form_token(page))
        late = await browser.come_from_elsewhere(back)
        assert (late.status_code, "has ended" in words(late)) == (403, True)
    assert not office.trail(Action.THRESHOLD_SET)


async def test_the_first_persons_session_at_the_provider_does_not_speak_for_the_second(
    registered: Pages, office: PortOffice, provider: IdentityServer
) -> None:
    async with registered.browser() as browser:
        await browser.sign_in("sari")
        provider.asks_anew = False
        async with registered.browser() as earlier:
            await enter(earlier, "adi")
            cookie = earlier.client.cookies["sso"]
        browser.client.cookies.set("sso", cookie, domain="localhost.local")
        provider._signed_in[cookie] = ("adi", provider._signed_in[cookie][1] - 900)
        page = await signed(browser, "/threshold/set", "", threshold="0.55")
        assert (page.status_code, "did not ask again" in words(page)) == (409, True), words(page)
    assert not office.trail(Action.THRESHOLD_SET)


async def test_an_export_is_signed_for_at_the_provider_and_sent_as_a_file(
    registered: Pages, office: PortOffice
) -> None:
    async with registered.browser() as browser:
        await enter(browser, "umi")
        fields = {"since": "2026-03-01", "until": "", "format": "csv"}
        page = await signed(browser, "/audit/export", "adi", **fields)
        assert 'value="2026-03-01"' in page.text
        answer = await browser.post("/audit/export", form_token(page), **fields, signed=key_in(page))
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    assert len(office.trail(Action.AUDIT_EXPORTED)) == 1


async def test_a_password_does_as_before(registered: Pages, office: PortOffice) -> None:
    async with registered.browser() as browser:
        await enter(browser, "sari")
        second = {"second_name": "adi", "second_password": PASSWORD}
        answer = await browser.post("/threshold/set", await browser.token(), threshold="0.55", **second)
        assert answer.status_code == 303, words(answer)
    assert len(office.trail(Action.THRESHOLD_SET)) == 1


async def test_check_says_what_has_to_be_registered_and_what_is_wrong(
    registered: Pages, provider: IdentityServer
) -> None:
    changed = {"hosts": ("konsol.batam.local", "localhost"), "listen": "127.0.0.1:8443"}
    settings = registered.console.settings.model_copy(update=changed)
    verdict, told = await asyncio.to_thread(check_provider, settings)
    assert verdict is CheckVerdict.OK
    assert provider.issuer in told
    assert "http://konsol.batam.local:8443/sign-in/back" in told
    assert "after signing out: http://konsol.batam.local:8443/sign-in" in told
    assert "localhost:8443" not in told, "nobody comes to it by that name from elsewhere"


async def test_check_says_that_the_provider_cannot_be_used(registered: Pages, provider: IdentityServer) -> None:
    for document in ((503, {}), (200, {"issuer": "https://another.example"})):
        provider.documents["/.well-known/openid-configuration"] = document
        verdict, told = await asyncio.to_thread(check_provider, registered.console.settings)
        assert (verdict, "does not reach its identity provider" in told) == (CheckVerdict.FAIL, True), document

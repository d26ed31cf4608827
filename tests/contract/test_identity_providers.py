"""What holds of whoever tells who people are: passwords that the server keeps, and an OpenID Connect provider."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from cekalwatch.contract.values.people import PersonRole, ProviderFacts
from cekalwatch.program.secret_files import write_private
from cekalwatch.server.audit.entry import Action, Actor, ActorKind
from cekalwatch.server.auth.sign_in_terms import OpenIdTerms
from cekalwatch.server.auth.signing_in.openid import OpenIdProvider
from cekalwatch.server.auth.signing_in.sign_in import CodeProof, PasswordProof, Proof, SignInService
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from tests.support.fakes.identity_server import CLIENT_ID, CLIENT_SECRET, NATIVE_ID, REDIRECT, IdentityServer
from tests.support.scenarios.people import OTHER_PASSWORD, PASSWORD, Office, device, errand, office_in, person

MakeProof = Callable[[str, bool], Proof]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with office_in(tmp_path) as office:
        yield office


@pytest.fixture
def identity_server(office: Office, tmp_path: Path) -> Iterator[IdentityServer]:
    """A provider through which the desk of `office` lets people in; both go by one clock."""
    with IdentityServer(office.clock.now) as server:
        secret = tmp_path / "openid.secret"
        write_private(secret, f"{CLIENT_SECRET}\n".encode())
        terms = OpenIdTerms(server.issuer, CLIENT_ID, secret, NATIVE_ID)
        provider = OpenIdProvider(terms, office.people, office.clock)
        office.desk = SignInService(
            office.provider, provider, office.sessions, office.refusals, office.clock, office.tries
        )
        yield server


def code_proof(server: IdentityServer, name: str = "budi", **wrong: Any) -> CodeProof:
    verifier, nonce = secrets.token_urlsafe(32), secrets.token_urlsafe(16)
    code = server.consent(name, verifier, nonce)
    return replace(CodeProof(code, verifier, REDIRECT, nonce), **wrong)


@pytest.fixture(params=["passwords", "openid"])
def prove(request: pytest.FixtureRequest, identity_server: IdentityServer) -> MakeProof:
    """Make a proof of each kind, right or wrong."""
    if request.param == "passwords":
        return lambda name, right: PasswordProof(name, PASSWORD if right else OTHER_PASSWORD)
    return lambda name, right: code_proof(identity_server, name, **({} if right else {"code_verifier": "x" * 43}))


def refusal(office: Office, proof: Proof) -> Code | None:
    try:
        office.desk.sign_in(proof, device())
    except CekalwatchError as error:
        return error.code
    return None


@pytest.mark.slow
def test_who_is_known_here_is_let_in_with_the_roles_that_are_kept_here(office: Office, prove: MakeProof):
    who = office.hire(person("budi", PersonRole.OFFICER)).person
    token, session = office.desk.sign_in(prove("budi", True), device())
    assert session.person == who
    assert office.sessions.resume(token, device()).person.roles == {PersonRole.OFFICER}
    assert len(office.trail(Action.SIGNED_IN)) == 1


def test_a_wrong_proof_a_stranger_and_who_is_disabled_get_one_answer(office: Office, prove: MakeProof):
    office.hire(person("budi"))
    office.hire(person("ani", disabled=True))
    answers = [refusal(office, prove(*how)) for how in (("budi", False), ("nobody", True), ("ani", True))]
    assert answers == [Code.SIGN_IN_REFUSED] * 3
    office.refusals.record_sums(at_once=True)  # two of whom nothing is known are of one kind
    assert [one.outcome for one in office.trail(Action.SIGN_IN_REFUSED)] == ["SIGN_IN_REFUSED"] * 3
    assert not [one for one in office.trail() if "budi" in str(one) or "nobody" in str(one)]


def test_who_works_elsewhere_is_not_let_in_here(office: Office, prove: MakeProof):
    office.hire(person("budi", sites=("sekupang",)))
    assert refusal(office, prove("budi", True)) is Code.PERSON_SITE_NOT_ALLOWED


@pytest.mark.parametrize("written", ["SITI", "ſiti", "ѕiti", "siti ", "s\u0307iti"])
def test_a_name_is_the_same_in_capitals_where_it_is_typed_and_as_written_where_a_provider_says_it(
    office: Office, prove: MakeProof, written: str
):
    office.hire(person("siti"))
    typed = written == "SITI" and isinstance(prove("siti", True), PasswordProof)
    assert refusal(office, prove(written, True)) is (None if typed else Code.SIGN_IN_REFUSED)


def test_who_signed_in_once_is_an_account_of_the_provider_whatever_it_calls_them_and_others_later(
    office: Office, identity_server: IdentityServer
):
    who = office.hire(person("Budi.H", PersonRole.SUPERVISOR), password=None).person

    def sign_in(name: str, subject: str) -> Code | None:
        verifier, nonce = secrets.token_urlsafe(32), secrets.token_urlsafe(16)
        code = identity_server.consent(name, verifier, nonce, sub=subject)
        return refusal(office, CodeProof(code, verifier, REDIRECT, nonce))

    assert sign_in("Budi.H", "s-1") is None
    assert sign_in("Budi.H", "s-2") is Code.SIGN_IN_REFUSED, "somebody else has got the name"
    assert sign_in("budi.hartono", "s-1") is None, "the same person has got another name"
    for disabled in (True, False):
        entry = office.entry(Action.PERSON_CHANGED)
        office.people.change(replace(who, disabled=disabled), entry)
        assert sign_in("Budi.H", "s-2") is (Code.SIGN_IN_REFUSED if disabled else None), "two people enable again"
    assert sign_in("Budi.H", "s-1") is Code.SIGN_IN_REFUSED


def test_what_the_provider_says_of_roles_is_not_looked_at(office: Office, identity_server: IdentityServer):
    office.hire(person("budi", PersonRole.OFFICER), password=None)
    _, session = office.desk.sign_in(code_proof(identity_server), device())
    assert session.person.roles == {PersonRole.OFFICER}


def test_a_first_password_binds_only_who_signs_in_with_it(office: Office, identity_server: IdentityServer):
    office.hire(person("budi"), first=True)
    _, session = office.desk.sign_in(code_proof(identity_server), device())
    assert not session.password_change_needed


def ask_again(office: Office, minutes: float = 5.5) -> None:
    """Let time pass, and the server ask the provider about sessions whose turn has come."""
    office.clock.go(minutes=minutes)
    assert office.desk.grants
    office.desk.grants.ask(Actor(ActorKind.SERVER, "main"))


def has_session(office: Office, token: str) -> bool:
    try:
        office.sessions.resume(token, device())
    except CekalwatchError:
        return False
    return True


def test_who_is_no_longer_allowed_at_the_provider_loses_the_session(office: Office, identity_server: IdentityServer):
    who = office.hire(person("budi")).person
    other = office.hire(person("ani")).person
    identity_server.refreshes = True
    token, _ = office.desk.sign_in(code_proof(identity_server), device())
    stays, _ = office.desk.sign_in(code_proof(identity_server, "ani"), device())
    ask_again(office)
    assert has_session(office, token)
    identity_server.barred.add("budi")
    ask_again(office, minutes=4)
    assert has_session(office, token), "it is not asked at every round"
    assert has_session(office, stays)
    ask_again(office)
    assert (has_session(office, token), has_session(office, stays)) == (False, True)
    (entry,) = office.trail(Action.SIGNED_OUT)
    assert (entry.actor, json.loads(str(entry.details))) == ("server:main", {"by": "PROVIDER"})
    assert (str(who.person_id) in entry.objects, str(other.person_id) in entry.objects) == (True, False)
    ask_again(office)
    assert len(office.trail(Action.SIGNED_OUT)) == 1


@pytest.mark.parametrize("answer", [(503, {}), (401, {"error": "invalid_client"}), (400, {"error": "invalid_client"})])
def test_a_provider_that_is_away_ends_no_session(
    office: Office, identity_server: IdentityServer, answer: tuple[int, Any]
):
    office.hire(person("budi"))
    identity_server.refreshes = True
    token, _ = office.desk.sign_in(code_proof(identity_server), device())
    identity_server.documents["/token"] = answer
    ask_again(office)
    assert has_session(office, token)
    del identity_server.documents["/token"]
    identity_server.barred.add("budi")
    ask_again(office, minutes=0)
    assert not has_session(office, token), "it is asked as soon as it is back"


def test_the_provider_is_not_asked_about_who_left(office: Office, identity_server: IdentityServer):
    office.hire(person("budi"))
    identity_server.refreshes = True
    _, session = office.desk.sign_in(code_proof(identity_server), device())
    office.sessions.end(session, device())
    office.desk.sign_in(code_proof(identity_server), device())
    asked = identity_server.requests.count("/token")
    ask_again(office, minutes=16)
    assert identity_server.requests.count("/token") == asked, "one signed out, the other was idle too long"
    assert len(office.trail(Action.SIGNED_OUT)) == 1


def test_who_has_no_password_here_cannot_sign_in_with_one_nor_change_it(
    office: Office, identity_server: IdentityServer
):
    office.hire(person("budi"), password=None)
    for password in ("", PASSWORD, "None"):
        assert refusal(office, PasswordProof("budi", password)) is Code.SIGN_IN_REFUSED
    _, session = office.desk.sign_in(code_proof(identity_server), device())
    with pytest.raises(CekalwatchError) as refused:
        office.changes.change(session, device(), "", OTHER_PASSWORD)
    assert refused.value.code is Code.PASSWORD_NOT_KEPT_HERE


@pytest.mark.parametrize(
    ("ago", "answer"), [(0, None), (179, None), (181, Code.SIGN_IN_NOT_FRESH), (None, Code.SIGN_IN_NOT_FRESH)]
)
def test_who_must_be_asked_anew_was_asked_minutes_ago(
    office: Office, identity_server: IdentityServer, ago: int | None, answer: Code | None
):
    office.hire(person("budi"))
    if ago is not None:
        identity_server.change = lambda claims: claims | {"auth_time": claims["iat"] - ago}
    assert refusal(office, replace(code_proof(identity_server), asked_anew=True)) is answer
    assert refusal(office, code_proof(identity_server)) is None, "who was not asked anew need not have been"
    office.refusals.record_sums(at_once=True)
    assert [one.outcome for one in office.trail(Action.SIGN_IN_REFUSED)] == ([str(answer)] if answer else [])


def native_proof(server: IdentityServer, client_id: str = NATIVE_ID) -> CodeProof:
    verifier, nonce, back = secrets.token_urlsafe(32), secrets.token_urlsafe(16), "http://127.0.0.1:5000/sign-in/back"
    code = server.consent("budi", verifier, nonce, back, client_id)
    return CodeProof(code, verifier, back, nonce, native=True)


def fresh(claims: dict[str, Any]) -> dict[str, Any]:
    return claims | {"auth_time": claims["iat"]}


def test_who_signs_in_on_a_pc_is_asked_anew_whatever_its_program_says(office: Office, identity_server: IdentityServer):
    office.hire(person("budi"))
    assert refusal(office, native_proof(identity_server)) is Code.SIGN_IN_NOT_FRESH
    identity_server.change = lambda claims: claims | {"auth_time": claims["iat"] - 181}
    assert refusal(office, native_proof(identity_server)) is Code.SIGN_IN_NOT_FRESH
    identity_server.change = fresh
    assert refusal(office, native_proof(identity_server)) is None


def test_a_code_is_for_the_kind_of_program_that_it_was_given_to(office: Office, identity_server: IdentityServer):
    office.hire(person("budi"))
    identity_server.change = fresh
    assert refusal(office, native_proof(identity_server, CLIENT_ID)) is Code.SIGN_IN_REFUSED, "of a console"
    assert refusal(office, replace(native_proof(identity_server), native=False)) is Code.SIGN_IN_REFUSED, "of a PC"
    identity_server.change = lambda claims: fresh(claims) | {"aud": CLIENT_ID}
    assert refusal(office, native_proof(identity_server)) is Code.SIGN_IN_REFUSED, "an identity token of a console"
    identity_server.change = lambda claims: fresh(claims) | {"aud": [NATIVE_ID, CLIENT_ID], "azp": CLIENT_ID}
    assert refusal(office, native_proof(identity_server)) is Code.SIGN_IN_REFUSED


def test_pcs_have_no_provider_unless_it_knows_them(office: Office, identity_server: IdentityServer):
    told = office.desk.provider(with_endpoints=True, native=True)
    assert told is not None
    assert (told.client_id, told.native) == (NATIVE_ID, True)
    without = OpenIdProvider(OpenIdTerms(identity_server.issuer, CLIENT_ID), office.people, office.clock)
    assert without.facts(with_endpoints=True, native=True) is None
    with pytest.raises(CekalwatchError) as refused:
        without.prove(native_proof(identity_server))
    assert refused.value.code is Code.SIGN_IN_NOT_OFFERED


def test_one_client_of_both_kinds_keeps_its_secret(office: Office, identity_server: IdentityServer, tmp_path: Path):
    office.hire(person("budi"))
    identity_server.change = fresh
    terms = OpenIdTerms(identity_server.issuer, CLIENT_ID, tmp_path / "openid.secret", CLIENT_ID)
    both = OpenIdProvider(terms, office.people, office.clock)
    assert both.prove(native_proof(identity_server, CLIENT_ID))[0].person.sign_in_name == "budi"


def test_wrong_codes_of_a_device_are_counted_and_an_outage_is_not(office: Office, identity_server: IdentityServer):
    office.hire(person("budi"))
    one = replace(device(), binding="a PC")
    wrong = replace(code_proof(identity_server), code="x")

    def answers(times: int) -> set[Code]:
        found = set()
        for _ in range(times):
            with pytest.raises(CekalwatchError) as refused:
                office.desk.sign_in(wrong, one)
            found.add(refused.value.code)
        return found

    identity_server.documents["/token"] = (503, {})
    assert answers(31) == {Code.PROVIDER_UNAVAILABLE}
    del identity_server.documents["/token"]
    assert answers(30) == {Code.SIGN_IN_REFUSED}
    asked = identity_server.requests.count("/token")
    assert answers(1) == {Code.SIGN_IN_TOO_OFTEN}
    assert identity_server.requests.count("/token") == asked, "the provider is spared"


def test_a_second_person_is_asked_anew_whatever_the_program_says(office: Office, identity_server: IdentityServer):
    office.hire(person("budi", PersonRole.SUPERVISOR))
    beside = errand(office)
    with pytest.raises(CekalwatchError) as refused:
        office.desk.sign_in(code_proof(identity_server), device(), beside)
    assert refused.value.code is Code.SIGN_IN_NOT_FRESH
    identity_server.change = lambda claims: claims | {"auth_time": claims["iat"]}
    token, _ = office.desk.sign_in(code_proof(identity_server), device(), beside)
    assert office.sessions.take_second(token, device(), beside).sign_in_name == "budi"


def test_a_browser_is_told_where_to_go(office: Office, identity_server: IdentityServer):
    provider = office.desk.provider
    known = provider(with_endpoints=False)
    assert known == ProviderFacts(identity_server.issuer, CLIENT_ID, "openid profile")
    assert not identity_server.requests, "nobody is asked for that"
    told = provider(with_endpoints=True)
    assert told is not None
    assert told.authorization_endpoint == identity_server.metadata["authorization_endpoint"]
    assert told.end_session_endpoint == f"{identity_server.issuer}/logout"
    assert told.states_issuer


@pytest.mark.parametrize(
    "wrong", ["http://192.0.2.1/x", "javascript:alert(1)", "https://x/\n", 7, None, "https://" + "x" * 600]
)
def test_a_browser_is_sent_nowhere_unsafe(office: Office, identity_server: IdentityServer, wrong: object):
    path, sound = "/.well-known/openid-configuration", identity_server.metadata
    identity_server.documents[path] = (200, sound | {"end_session_endpoint": wrong})
    told = office.desk.provider(with_endpoints=True)
    assert told is not None
    assert told.end_session_endpoint == ""
    office.clock.go(hours=2)
    identity_server.documents[path] = (200, sound | {"authorization_endpoint": wrong})
    with pytest.raises(CekalwatchError) as refused:
        office.desk.provider(with_endpoints=True)
    assert refused.value.code is Code.PROVIDER_UNAVAILABLE
    office.hire(person("budi"))
    assert refusal(office, code_proof(identity_server)) is None, "who has a code gets in all the same"


def test_a_code_is_good_once(office: Office, identity_server: IdentityServer):
    office.hire(person("budi"))
    proof = code_proof(identity_server)
    assert refusal(office, proof) is None
    assert refusal(office, proof) is Code.SIGN_IN_REFUSED


@pytest.mark.slow
@pytest.mark.parametrize("wrong", ["code", "code_verifier", "redirect_uri", "nonce"])
def test_a_code_with_anything_of_it_wrong_is_refused(office: Office, identity_server: IdentityServer, wrong: str):
    office.hire(person("budi"))
    assert refusal(office, code_proof(identity_server, **{wrong: "x" * 43})) is Code.SIGN_IN_REFUSED
    assert refusal(office, code_proof(identity_server)) is None


@pytest.mark.slow
@pytest.mark.parametrize(
    "wrong",
    [
        {"iss": "http://127.0.0.1:1"},
        {"iss": None},
        {"aud": "another-client"},
        {"aud": [CLIENT_ID, "another-client"]},
        {"azp": "another-client"},
        {"nonce": None},
        {"nonce": "another"},
        {"sub": None},
        {"exp": None},
        {"exp": "soon"},
        {"exp": True},
        {"iat": None},
        {"preferred_username": None},
        {"preferred_username": ["budi"]},
        {"preferred_username": "budi" * 20},
    ],
    ids=str,
)
def test_a_token_with_a_wrong_claim_is_refused(office: Office, identity_server: IdentityServer, wrong: dict[str, Any]):
    office.hire(person("budi"))
    identity_server.change = lambda claims: {k: v for k, v in (claims | wrong).items() if v is not None}
    assert refusal(office, code_proof(identity_server)) is Code.SIGN_IN_REFUSED
    identity_server.change = lambda claims: claims
    assert refusal(office, code_proof(identity_server)) is None


def test_several_audiences_are_fine_when_the_token_was_made_for_us(office: Office, identity_server: IdentityServer):
    office.hire(person("budi"))
    identity_server.change = lambda claims: claims | {"aud": [CLIENT_ID, "another"], "azp": CLIENT_ID}
    assert refusal(office, code_proof(identity_server)) is None


@pytest.mark.slow
@pytest.mark.parametrize(("moved", "good"), [(-700, False), (-600, True), (50, True), (70, False)])
def test_a_token_is_of_now(office: Office, identity_server: IdentityServer, moved: int, good: bool):
    office.hire(person("budi"))
    identity_server.change = lambda claims: claims | {"iat": claims["iat"] + moved, "exp": claims["exp"] + 1000}
    assert refusal(office, code_proof(identity_server)) is (None if good else Code.SIGN_IN_REFUSED)


@pytest.mark.parametrize(("ago", "good"), [(59, True), (60, False)])
def test_a_token_that_has_run_out_is_refused(office: Office, identity_server: IdentityServer, ago: int, good: bool):
    office.hire(person("budi"))
    identity_server.change = lambda claims: claims | {"exp": claims["iat"] - ago}
    assert refusal(office, code_proof(identity_server)) is (None if good else Code.SIGN_IN_REFUSED)


def test_a_signature_that_is_not_the_providers_is_refused(office: Office, identity_server: IdentityServer):
    office.hire(person("budi"))
    assert refusal(office, code_proof(identity_server)) is None
    forger = rsa.generate_private_key(65537, 2048)

    def answer(token: str, nonce: str) -> Code | None:
        identity_server.documents["/token"] = (200, {"id_token": token})
        return refusal(office, replace(code_proof(identity_server), nonce=nonce))

    right = identity_server.sign({"sub": "subject of budi", "preferred_username": "budi", "nonce": "n" * 16})
    claims = jwt.decode(right, options={"verify_signature": False})
    header = {"kid": identity_server.key_id}
    public = identity_server.key.public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    def part(value: bytes) -> str:
        return base64.urlsafe_b64encode(value).rstrip(b"=").decode()

    begun = f"{part(json.dumps({'alg': 'HS256', **header}).encode())}.{part(json.dumps(claims).encode())}"
    shared = f"{begun}.{part(hmac.digest(pem, begun.encode(), hashlib.sha256))}"
    body, signature = right.rpartition(".")[::2]
    assert answer(right, "n" * 16) is None
    for token in (
        jwt.encode(claims, forger, "RS256", header),
        jwt.encode(claims, "", "none", header),
        shared,
        f"{body}.",
        f"{body}.{signature[:-4]}AAAA",
        "nonsense",
        "",
    ):
        assert answer(token, "n" * 16) is Code.SIGN_IN_REFUSED, token[:40]


def test_a_new_key_of_the_providers_is_taken_up(office: Office, identity_server: IdentityServer):
    office.hire(person("budi"))
    assert refusal(office, code_proof(identity_server)) is None
    read = identity_server.requests.count("/keys")
    assert refusal(office, code_proof(identity_server)) is None
    assert identity_server.requests.count("/keys") == read, "keys are not read for each"
    identity_server.rotate()
    assert refusal(office, code_proof(identity_server)) is None
    assert identity_server.requests.count("/keys") == read + 1


def test_of_two_keys_that_could_have_signed_none_is_chosen(office: Office, identity_server: IdentityServer):
    office.hire(person("budi"))
    identity_server.documents["/keys"] = (200, {"keys": [identity_server.public_key()] * 2})
    assert refusal(office, code_proof(identity_server)) is Code.SIGN_IN_REFUSED


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/.well-known/openid-configuration", (500, {})),
        ("/.well-known/openid-configuration", (200, b"<html>")),
        ("/.well-known/openid-configuration", (200, [])),
        ("/.well-known/openid-configuration", (200, {"issuer": "http://127.0.0.1:1"})),
        ("/keys", (200, {"keys": []})),
        ("/token", (200, b'{"id_token": "%s"}' % (b"x" * 300_000))),
        ("/token", (500, {})),
        ("/token", (200, {})),
        ("/token", (302, {})),
        ("/token", (200, {"id_token": 7})),
    ],
)
def test_a_provider_that_is_out_of_order_is_no_wrong_proof(
    office: Office, identity_server: IdentityServer, path: str, answer: tuple[int, Any]
):
    office.hire(person("budi"))
    identity_server.documents[path] = answer
    assert refusal(office, code_proof(identity_server)) is Code.PROVIDER_UNAVAILABLE
    assert not office.trail(Action.SIGN_IN_REFUSED)
    del identity_server.documents[path]
    assert refusal(office, code_proof(identity_server)) is None, "and it is asked again when it is back"


@pytest.mark.parametrize("name", ["token_endpoint", "jwks_uri"])
def test_the_provider_cannot_send_us_where_there_is_no_https(
    office: Office, identity_server: IdentityServer, name: str
):
    office.hire(person("budi"))
    document = {
        "issuer": identity_server.issuer,
        "token_endpoint": f"{identity_server.issuer}/token",
        "jwks_uri": f"{identity_server.issuer}/keys",
    }
    path = "/.well-known/openid-configuration"
    identity_server.documents[path] = (200, document | {name: "http://192.0.2.1/elsewhere"})
    assert refusal(office, code_proof(identity_server)) is Code.PROVIDER_UNAVAILABLE
    identity_server.documents[path] = (200, document)
    assert refusal(office, code_proof(identity_server)) is None


def test_a_wrong_client_secret_is_the_configurations_fault_and_not_the_persons(
    office: Office, identity_server: IdentityServer
):
    office.hire(person("budi"))
    identity_server.secret = "another"
    assert refusal(office, code_proof(identity_server)) is Code.PROVIDER_UNAVAILABLE


def test_a_provider_that_is_not_there_is_told_apart(office: Office):
    with IdentityServer() as gone:
        issuer = gone.issuer
    provider = OpenIdProvider(OpenIdTerms(issuer, CLIENT_ID, claim="sub"), office.people, office.clock)
    with pytest.raises(CekalwatchError) as refused:
        provider.prove(CodeProof("c", "v" * 43, REDIRECT, "n" * 16))
    assert refused.value.code is Code.PROVIDER_UNAVAILABLE

"""Roles that follow groups of a real directory: OpenLDAP, over TLS."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path

import ldap3
import pytest

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.extensions.ldap import directory as ldap
from cekalwatch.extensions.ldap import service as following_groups
from cekalwatch.extensions.ldap.directory import DirectoryError, LdapDirectory
from cekalwatch.extensions.ldap.domain import GroupBinding
from cekalwatch.extensions.ldap.following import GroupFollower, NoDirectory
from cekalwatch.extensions.ldap.service import FOLLOW_PERIOD_S
from cekalwatch.extensions.ldap.settings import DirectoryTerms
from cekalwatch.extensions.ldap.store import GroupStore
from cekalwatch.server.app import Server
from cekalwatch.server.audit.entry import Action, Actor, ActorKind, AuditEntry
from cekalwatch.server.auth.people_admin import PeopleAdmin
from cekalwatch.server.foundation.errors import Code
from cekalwatch.server.foundation.refusals import RefusedError
from cekalwatch.server.storage.people.store import KeptPassword
from cekalwatch.wire.identity import DeviceRole
from tests.extensions.ldap.directory_server import GROUPS, PEOPLE, DirectoryServer
from tests.support.scenarios.people import (
    ADMINISTRATION,
    PASSWORD,
    SITE,
    Office,
    code_of,
    ended,
    office_in,
    opened,
    person,
)
from tests.support.scenarios.server import settings
from tests.support.scenarios.site_pki import Site
from tests.support.scenarios.two_models import until

pytestmark = pytest.mark.slow
SERVER = Actor(ActorKind.SERVER, "main")
LASTS = timedelta(hours=72)
OFFICER, SUPERVISOR, ADMINISTRATOR, AUDITOR = (
    PersonRole.OFFICER,
    PersonRole.SUPERVISOR,
    PersonRole.ADMINISTRATOR,
    PersonRole.AUDITOR,
)
Roles = set[PersonRole]
UNTRUSTED = "127.0.0.1: its certificate is not trusted"
_numbers = itertools.count()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def directory(site: Site) -> Iterator[DirectoryServer]:
    with DirectoryServer(site.folder / "ldap", site.device(DeviceRole.SERVER, "dc1")) as server:
        yield server


@dataclass
class Port:
    """An office whose roles follow the directory, with names and groups of its own."""

    office: Office
    directory: DirectoryServer

    def __post_init__(self) -> None:
        self.number = next(_numbers)
        self.groups = GroupStore(self.office.database)
        self.follower = self.following(self.directory.terms)

    def following(self, terms: DirectoryTerms) -> GroupFollower:
        return GroupFollower(LdapDirectory(terms), LASTS, self.groups, self.office.people, self.office.clock, SERVER)

    def called(self, name: str) -> str:
        return f"{name}{self.number}"

    def bind(self, group: str, role: PersonRole, *sites: str) -> None:
        self.groups.bind(GroupBinding(group, role, frozenset(sites or (SITE,))), self._entry(Action.GROUP_BOUND))

    def unbind(self, group: str, role: PersonRole) -> None:
        self.groups.unbind(group, role, self._entry(Action.GROUP_UNBOUND))

    def _entry(self, action: Action) -> AuditEntry:
        return AuditEntry(self.office.clock.now(), ADMINISTRATION, action)

    def group(self, name: str, *members: str) -> str:
        return self.directory.group(self.called(name), members)

    def hire_there(self, *names: str) -> list[str]:
        return self.directory.hire(*map(self.called, names))

    def roles(self, name: str) -> Roles:
        account = self.office.people.account(self.called(name))
        return set() if account is None or account.person.disabled else set(account.person.roles)

    def rights(self, name: str) -> tuple[Roles, set[str]]:
        account = self.office.people.account(self.called(name))
        assert account
        return set(account.person.roles), set(account.person.sites)

    def changes(self) -> list[dict[str, str]]:
        return [json.loads(one.details) for one in self.office.trail(Action.PERSON_ADDED, Action.PERSON_CHANGED)]


@pytest.fixture
def port(tmp_path: Path, directory: DirectoryServer) -> Iterator[Port]:
    with office_in(tmp_path) as office:
        yield Port(office, directory)


def test_who_joins_a_group_is_an_officer_and_who_leaves_it_is_signed_out(port: Port):
    budi, ani = port.hire_there("budi", "ani")
    group = port.group("officers", budi)
    port.bind(group, OFFICER)
    port.follower.look()
    assert (port.roles("budi"), port.roles("ani")) == ({OFFICER}, set())
    added = port.office.people.account(port.called("budi"))
    assert added
    assert (added.password.hash, set(added.person.sites)) == (None, {SITE})
    assert [(one["change"], one["gives"]) for one in port.changes() if "gives" in one] == [("DIRECTORY", "yes")]
    port.office.people.set_password(added.person.person_id, _password(port), port.office.entry(Action.PERSON_CHANGED))
    token = opened(port.office, name=port.called("budi"))
    port.directory.change(group, "member", ldap3.MODIFY_REPLACE, [ani])
    before = len(port.changes())
    port.follower.look()
    assert (port.roles("budi"), port.roles("ani")) == (set(), {OFFICER})
    assert ended(port.office, token)
    assert code_of(port.office, port.office.proof(port.called("budi"))) is Code.SIGN_IN_REFUSED
    lost = [one for one in port.changes()[before:] if one["withheld"] == "OFFICER" and "gives" not in one]
    assert [one["roles"] for one in lost][:1] == [""]
    port.directory.change(group, "member", ldap3.MODIFY_ADD, [budi])
    port.follower.look()
    assert port.roles("budi") == {OFFICER}


def test_an_entry_is_the_person_and_a_name_is_as_the_directory_writes_it(port: Port):
    port.office.hire(person(port.called("siti"), SUPERVISOR))
    port.office.hire(person(port.called("budi"), OFFICER))
    (long_s,) = port.hire_there("ſiti")
    (budi,) = port.hire_there("Budi")
    group = port.group("watch", long_s, budi)
    port.bind(group, OFFICER)
    port.bind(group, SUPERVISOR)
    port.follower.look()
    assert (port.roles("siti"), port.roles("budi")) == (set(), {OFFICER})
    port.directory.delete(budi)
    port.directory.change(group, "member", ldap3.MODIFY_REPLACE, port.hire_there("budi"))
    port.follower.look()
    assert port.roles("budi") == set(), "another entry has got the name"


def _password(port: Port) -> KeptPassword:
    return KeptPassword(port.office.passwords.hash(PASSWORD), must_change=False)


def test_a_look_and_its_pause_are_within_a_minute():
    assert FOLLOW_PERIOD_S + ldap.LONGEST_S < 60


def test_roles_that_sign_need_two_people_and_the_group(port: Port):
    sari, adi = port.hire_there("sari", "adi")
    group = port.group("supervisors", sari)
    for role in set(PersonRole) - {OFFICER}:
        port.bind(group, role)
    port.office.hire(person(port.called("adi"), SUPERVISOR))
    port.follower.look()
    assert port.office.people.account(port.called("sari")) is None  # the group alone gives nothing
    assert port.roles("adi") == set()  # two people alone do not either
    port.office.hire(person(port.called("sari"), SUPERVISOR))
    assert port.roles("sari") == set()  # not before the directory was asked
    port.follower.look()
    assert port.roles("sari") == {SUPERVISOR}
    port.directory.change(group, "member", ldap3.MODIFY_REPLACE, [adi])
    port.follower.look()
    assert (port.roles("sari"), port.roles("adi")) == (set(), {SUPERVISOR})


def test_nobody_is_administrator_and_auditor_whatever_groups_say(port: Port):
    (eka,) = port.hire_there("eka")
    group = port.group("both", eka)
    for role in (ADMINISTRATOR, AUDITOR, OFFICER):
        port.bind(group, role)
    port.office.hire(person(port.called("eka"), ADMINISTRATOR))
    port.follower.look()
    assert port.roles("eka") == {ADMINISTRATOR}  # and no officer: who has another role gets none from a group
    admin = PeopleAdmin(port.office.people, port.office.passwords, port.office.clock, ADMINISTRATION)
    port.directory.change(group, "member", ldap3.MODIFY_REPLACE, port.hire_there("fajar"))
    port.follower.look()
    assert port.roles("eka") == set()
    with pytest.raises(RefusedError) as refused:  # the withheld role still excludes the other one
        admin.change(port.called("eka"), frozenset({ADMINISTRATOR, AUDITOR}), frozenset())
    assert refused.value.code is Code.PERSON_INVALID


def test_another_role_of_the_same_person_stays_and_so_do_its_sites(port: Port):
    (gita,) = port.hire_there("gita")
    others = port.hire_there("hadi")
    here, there = port.group("here", gita), port.group("there", gita)
    port.bind(here, OFFICER, SITE)
    port.bind(there, OFFICER, "sekupang")
    port.follower.look()
    known = port.office.people.account(port.called("gita"))
    assert known
    assert known.person.sites == {SITE, "sekupang"}
    port.directory.change(there, "member", ldap3.MODIFY_REPLACE, others)
    port.follower.look()
    assert port.rights("gita") == ({OFFICER}, {SITE})
    port.bind(here, SUPERVISOR)
    admin = PeopleAdmin(port.office.people, port.office.passwords, port.office.clock, ADMINISTRATION)
    admin.change(port.called("gita"), frozenset({OFFICER, SUPERVISOR}), frozenset())
    port.unbind(here, SUPERVISOR)  # never heard of, so what was withheld leaves the record
    assert port.roles("gita") == {OFFICER}
    port.unbind(here, OFFICER)
    port.unbind(there, OFFICER)
    assert port.rights("gita") == ({OFFICER}, {SITE})
    port.follower.look()
    assert port.roles("gita") == {OFFICER}


@pytest.mark.parametrize(
    ("attribute", "value"), [("userAccountControl", "514"), ("accountExpires", "132000000000000000")]
)
def test_who_is_disabled_or_expired_in_the_directory_loses_the_role(port: Port, attribute: str, value: str):
    (budi,) = port.hire_there("budi")
    port.bind(port.group("officers", budi), OFFICER)
    port.follower.look()
    assert port.roles("budi") == {OFFICER}
    port.directory.change(budi, attribute, ldap3.MODIFY_REPLACE, [value])
    port.follower.look()
    assert port.roles("budi") == set()


def test_a_deleted_group_has_no_members_and_is_an_alarm(port: Port):
    (budi,) = port.hire_there("budi")
    group = port.group("officers", budi)
    port.bind(group, OFFICER)
    port.follower.look()
    assert (port.roles("budi"), set(port.follower.missing)) == ({OFFICER}, set())
    port.directory.delete(group)
    port.follower.look()
    assert (port.roles("budi"), set(port.follower.missing)) == (set(), {group})
    port.group("officers", budi)
    port.follower.look()
    assert (port.roles("budi"), set(port.follower.missing)) == ({OFFICER}, set())


def test_an_outage_takes_nothing_away_before_its_bound_and_gives_nothing(port: Port):
    budi, ani = port.hire_there("budi", "ani")
    group = port.group("officers", budi)
    port.bind(group, OFFICER)
    port.follower.look()
    port.directory.change(group, "member", ldap3.MODIFY_ADD, [ani])
    port.directory.stop()
    try:
        for _ in range(2):
            port.office.clock.go(hours=35)
            port.follower.look()
            assert port.follower.outage
            assert port.follower.outage.reason.startswith("127.0.0.1: ")
            assert (port.roles("budi"), port.roles("ani")) == ({OFFICER}, set())
        restarted = port.following(port.directory.terms)  # another server knows when the directory answered last
        port.office.clock.go(hours=3)
        restarted.look()
        assert port.roles("budi") == set()
        assert port.changes()[-1]["change"] == "OUTAGE"
    finally:
        port.directory.start()
    port.follower.look()
    assert (port.roles("budi"), port.roles("ani"), port.follower.outage) == ({OFFICER}, {OFFICER}, None)


def test_settings_without_a_directory_keep_nobody_for_ever(port: Port):
    (budi,) = port.hire_there("budi")
    port.bind(port.group("officers", budi), OFFICER)
    port.follower.look()
    office = port.office
    bare = GroupFollower(NoDirectory(), LASTS, port.groups, office.people, office.clock, SERVER)
    bare.look()
    assert port.roles("budi") == {OFFICER}
    office.clock.go(hours=72)
    bare.look()
    assert port.roles("budi") == set()


def why(terms: DirectoryTerms, group: str = f"cn=any,{GROUPS}") -> str:
    with pytest.raises(DirectoryError) as refused:
        LdapDirectory(terms).ask([group])
    return str(refused.value)


def test_another_certificate_or_name_ends_the_line_before_the_password(port: Port, tmp_path: Path):
    server = port.directory
    secure, plain = server.terms, replace(server.terms, servers=(f"ldap://127.0.0.1:{server.plain_port}",))
    other = Site(tmp_path / "other").device(DeviceRole.SERVER, "dc1")
    assert [why(replace(one, authorities=other.authority)) for one in (secure, plain)] == [UNTRUSTED] * 2
    elsewhere = [replace(one, servers=(one.servers[0].replace("127.0.0.1", "127.0.0.2"),)) for one in (secure, plain)]
    assert [why(one) for one in elsewhere] == [UNTRUSTED.replace("127.0.0.1", "127.0.0.2")] * 2


def test_a_wrong_account_is_refused_and_the_next_server_is_asked(port: Port, tmp_path: Path):
    wrong = tmp_path / "wrong.secret"
    wrong.write_text("salah\n")
    wrong.chmod(0o600)
    assert "refuses the account: invalidCredentials" in why(replace(port.directory.terms, password_file=wrong))
    (budi,) = port.hire_there("budi")
    group = port.group("officers", budi)
    dead = ("ldaps://127.0.0.1:1", *port.directory.terms.servers)
    answer = LdapDirectory(replace(port.directory.terms, servers=dead)).ask([group])
    assert [one.sign_in_name for one in answer.members] == [port.called("budi")]


def test_what_is_not_whole_is_no_answer(port: Port, monkeypatch: pytest.MonkeyPatch):
    group = port.group("officers", *port.hire_there("budi", "ani"))
    assert "noSuchObject" in why(replace(port.directory.terms, people_base=f"ou=Elsewhere,{PEOPLE}"), group)
    assert "no Active Directory" in why(replace(port.directory.terms, nested=True), group)
    monkeypatch.setattr(ldap, "MAX_MEMBERS", 1)
    assert "more than 1 people" in why(port.directory.terms, group)


def test_thousands_of_members_and_names_with_every_sign(port: Port):
    signs = ["a*b(c)\\d", "e, f+g", '"h" <i>;j', "k=l", " m#n ", "émile"]
    strange = [f"cn={ldap3.utils.dn.escape_rdn(f'{one} {port.number}')},{PEOPLE}" for one in signs]
    with port.directory.keeper() as line:
        for dn, sign in zip(strange, signs, strict=True):
            facts = {"sn": "x", "sAMAccountName": sign, "displayName": f"Sdr {sign}"}
            line.add(dn, ["inetOrgPerson", "account365"], facts)
    many = port.directory.hire(*(f"p{number:04}-{port.number}" for number in range(1200)))
    group = port.group('of*ficers (x), "y" \\z', *strange, *many)
    answer = LdapDirectory(port.directory.terms).ask([group])
    names = [one.sign_in_name for one in answer.members]
    assert len(names) == 1200
    assert names[0] == f"p0000-{port.number}"
    assert {one.groups for one in answer.members} == {frozenset({group})}


async def test_a_running_server_follows_groups(
    directory: DirectoryServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(following_groups, "FOLLOW_PERIOD_S", 0.2)
    name = f"wulan{next(_numbers)}"
    group = directory.group(f"server-{name}", directory.hire(name))
    terms = asdict(directory.terms)
    async with Server(settings(tmp_path / "data", directory=terms)) as server:
        context = server._context
        entry = AuditEntry(context.clock.now(), ADMINISTRATION, Action.GROUP_BOUND)
        GroupStore(context.database).bind(GroupBinding(group, OFFICER, frozenset({SITE})), entry)

        def roles() -> frozenset[PersonRole]:
            account = context.stores.people.account(name)
            return account.person.roles if account else frozenset()

        await until(roles)
        assert roles() == {OFFICER}

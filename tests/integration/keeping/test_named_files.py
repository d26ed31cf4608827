"""Every file that settings name: in a backup with keys, back in its place, opened by `check`, `drill` and the start."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from typer.testing import CliRunner

from cekalwatch.extensions.papers.restore import drill_restore
from cekalwatch.program.checks.results import CheckVerdict
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.app import Server
from cekalwatch.server.backup.archive import AgeIdentity
from cekalwatch.server.backup.making import BackupMade, make_backup
from cekalwatch.server.cli.app import app
from cekalwatch.server.settings.named_files import is_named, named_files
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.setup.checks.installation import check_named_files
from tests.support.scenarios.server import list_astronaut
from tests.support.scenarios.site_pki import SITE, Site
from tests.support.tools.packs import light_environment, light_pack

SECRETS = {
    "openid.client_secret_file": "oidc",
    "directory.password_file": "ldap",
    "notices.mqtt.password_file": "mqtt",
    "notices.webhooks.siem.secret_file": "webhook",
    "notices.gates.gate-1.secret_file": "gate",
    "watchlist.source.access.token_from": "token",
}
TLS_FOLDERS = {"notices.syslog_tls_dir": "syslog-tls", "watchlist.source.access.client_tls": "source-tls"}
AUTHORITIES = {"openid.authorities": "ca.pem"}
RESTORED_WITHIN_S = 60.0


@dataclass(frozen=True)
class NamingSite:
    """A site whose settings name files outside its data folder, and a backup of it with keys."""

    config: Path
    settings: ServerSettings
    files: Path
    """The folder of the named files."""
    made: BackupMade
    identity: AgeIdentity

    def lose(self) -> None:
        """Move all away: the machine has nothing else."""
        self.settings.data_dir.rename(self.settings.data_dir.with_name("lost"))
        self.files.rename(self.files.with_name("lost-files"))
        self.config.unlink()


def settings_text(folder: Path, files: Path, recipient: str, out: Path) -> str:
    return f"""
listen = "127.0.0.1:0"
data_dir = "{folder / "data"}"
models_dir = "{light_pack().parent}"
model_pack = "light"
inference = "onnxruntime"
threads = 1
[[sites]]
site = "{SITE}"
[backup]
recipients = ["{recipient}"]
folder = "{out}"
[openid]
issuer = "https://127.0.0.1:9"
client_id = "cekalwatch"
client_secret_file = "{files / "oidc"}"
authorities = "{files / "ca.pem"}"
[directory]
servers = ["ldaps://127.0.0.1:9"]
account = "cn=reader"
people_base = "dc=example"
password_file = "{files / "ldap"}"
[watchlist.source]
kind = "http"
address = "https://127.0.0.1:9/orders"
access = {{ token_from = "file:{files / "token"}", client_tls = "{files / "source-tls"}" }}
[notices]
syslog = "127.0.0.1:9"
syslog_tls_dir = "{files / "syslog-tls"}"
[notices.mqtt]
broker = "127.0.0.1:9"
user = "cekalwatch"
password_file = "{files / "mqtt"}"
[[notices.webhooks]]
name = "siem"
url = "https://127.0.0.1:9/"
secret_file = "{files / "webhook"}"
[[notices.gates]]
name = "gate-1"
site = "{SITE}"
counter = "D1"
url = "https://127.0.0.1:9/"
secret_file = "{files / "gate"}"
"""


def write_files(files: Path, certificate: Path) -> None:
    for name in SECRETS.values():
        (files / name).write_text(f"whsec_{'QUJD' * 10}\n")
        (files / name).chmod(0o600)
    (files / "ca.pem").write_bytes((certificate / "authority.pem").read_bytes())
    for folder in TLS_FOLDERS.values():
        (files / folder).mkdir()
        for name in ("certificate.pem", "key.pem"):
            (files / folder / name).write_bytes((certificate / name).read_bytes())
            (files / folder / name).chmod(0o600)


@pytest.fixture
def site(tmp_path: Path) -> NamingSite:
    files, out, identity = tmp_path / "etc", tmp_path / "backups", AgeIdentity.new()
    files.mkdir()
    out.mkdir()
    Site(tmp_path / "data")
    write_files(files, tmp_path / "data" / "tls")
    config = tmp_path / "server.toml"
    config.write_text(settings_text(tmp_path, files, identity.public, out))
    settings = ServerSettings.load(config)
    list_astronaut(settings)
    settings.audit_key()
    made = make_backup(settings, config, out, with_keys=True, now=datetime.now(UTC))
    (tmp_path / "backup.key").write_text(identity.text)
    (tmp_path / "backup.key").chmod(0o600)
    return NamingSite(config, settings, files, made, identity)


def test_the_list_has_every_file_of_all_sections(site: NamingSite) -> None:
    found = {one.setting for one in named_files(site.settings)}
    pairs = {f"{name}/{file}" for name in TLS_FOLDERS for file in ("certificate.pem", "key.pem")}
    assert found == set(SECRETS) | set(AUTHORITIES) | pairs
    assert all(one.problem() == "" for one in named_files(site.settings))


def test_pins_options_of_the_database_and_the_certificate_for_a_centre_are_in_the_list(tmp_path: Path) -> None:
    pin = "pkcs11:token=t;object=o?module-path=/usr/lib/module.so&pin-source=file:/etc/pin"
    (tmp_path / "centre").mkdir()
    chosen = ServerSettings.load(
        None,
        data_dir=tmp_path,
        audit_key_from=pin,
        database_url="postgresql://me@host/name?sslkey=/etc/db.key&sslmode=verify-full",
        watchlist={"source": {"kind": "centre", "addresses": ["127.0.0.1:9"]}},
        master_key_from="file:/etc/master.key",
        revocations="/etc/revoked.pem",
    )
    found = {one.setting: str(one.place) for one in named_files(chosen)}
    centre = {
        f"watchlist.source.tls_dir/{name}": str(tmp_path / "centre" / name)
        for name in ("certificate.pem", "key.pem", "authority.pem")
    }
    assert found == centre | {
        "audit_key_from": "/etc/pin",
        "database_url.sslkey": "/etc/db.key",
        "revocations": "/etc/revoked.pem",
    }


OTHER_PATHS = {
    "data_dir", "models_dir", "pki_dir", "tls_dir", "path", "file", "photographs", "folder", "checkpoint_file",
    "group_figures",
}  # fmt: skip
"""Settings of paths that are no secret, certificate or authority: places of data, of lists and of what is written."""


def paths_of(kind: Any, name: str, seen: set[Any]) -> Iterator[str]:
    if kind is Path:
        yield name
    elif dataclasses.is_dataclass(kind) or hasattr(kind, "model_fields"):
        if kind not in seen:
            seen.add(kind)
            for field, inner in get_type_hints(kind).items():
                yield from paths_of(inner, field, seen)
    elif get_origin(kind) is not None or isinstance(kind, UnionType):
        for inner in get_args(kind):
            yield from paths_of(inner, name, seen)


def test_every_setting_of_a_path_is_named_or_said_to_be_none() -> None:
    """A new setting of a file has to be on one of the two sides."""
    names = set(paths_of(ServerSettings, "", set()))
    unknown = {name for name in names if not is_named(name) and name not in OTHER_PATHS}
    assert not unknown
    assert {"secret_file", "client_secret_file", "password_file", "authorities", "client_tls"} <= names


def test_a_machine_with_nothing_else_is_back_from_one_file_and_one_key(site: NamingSite, tmp_path: Path) -> None:
    before = {one.setting: one.place.read_bytes() for one in named_files(site.settings)}
    site.lose()
    begun = time.monotonic()
    words = ["restore", site.made.file, "--identity", tmp_path / "backup.key", "--signer", site.made.manifest.signer]
    done = CliRunner().invoke(app, [*map(str, words), "--data-dir", str(site.settings.data_dir)])
    assert done.exit_code == Exit.OK, (done.output, done.exception)
    assert "Before the server can start" not in done.output
    config = site.settings.data_dir / "server.toml"
    assert {one.setting: one.place.read_bytes() for one in named_files(ServerSettings.load(config))} == before
    assert all(one.problem() == "" for one in named_files(site.settings))
    Server.try_out(ServerSettings.load(config))
    assert time.monotonic() - begun < RESTORED_WITHIN_S


def test_what_is_there_already_stays_as_it_is(site: NamingSite, tmp_path: Path) -> None:
    site.settings.data_dir.rename(tmp_path / "lost")
    (site.files / "mqtt").write_text("newer")
    words = ["restore", site.made.file, "--identity", tmp_path / "backup.key", "--signer", site.made.manifest.signer]
    done = CliRunner().invoke(app, [*map(str, words), "--config", str(site.config)])
    assert done.exit_code == Exit.OK, (done.output, done.exception)
    assert (site.files / "mqtt").read_text() == "newer"


def test_a_backup_says_which_named_files_are_not_in_it(site: NamingSite, tmp_path: Path) -> None:
    (site.files / "ldap").unlink()
    later = datetime.now(UTC).replace(year=2031)
    made = make_backup(site.settings, site.config, tmp_path / "backups", with_keys=True, now=later)
    assert any("directory.password_file" in one for one in made.manifest.not_included)
    bare = make_backup(site.settings, site.config, tmp_path / "backups", with_keys=False, now=later.replace(year=2032))
    told = " ".join(bare.manifest.not_included)
    assert all(name in told for name in SECRETS)
    assert not [name for name in bare.manifest.files if name.startswith("named/")]


def test_a_drill_starts_the_restored_site_in_a_folder_of_its_own(site: NamingSite, tmp_path: Path) -> None:
    site.lose()
    spare = tmp_path / "spare"
    spare.mkdir()

    def drill(**changed: Any) -> Any:
        return drill_restore(
            site.made.file, site.identity, site.settings.model_copy(update=changed), spare,
            keys_from=None, signers=frozenset({site.made.manifest.signer}), kept=(), now=datetime.now(UTC),
        )  # fmt: skip

    held = drill()
    assert (held.found.problems, held.found.lacking, held.not_started) == ((), (), "")
    assert held.passed
    assert not list(spare.iterdir())
    assert not site.files.exists(), "nothing was put where a running site would have it"
    other = drill(model_pack="no-such-pack")
    assert "no-such-pack" in other.not_started
    assert not other.passed


def test_check_opens_each_and_the_start_names_all_before_it_takes_anything(
    site: NamingSite, subtests: pytest.Subtests
) -> None:
    assert [one.verdict for one in check_named_files(site.settings)] == [CheckVerdict.OK]
    for name, file in {**SECRETS, **AUTHORITIES}.items():
        with subtests.test(name):
            aside = (site.files / file).rename(site.files / "aside")
            (found,) = check_named_files(site.settings)
            assert found.verdict is CheckVerdict.FAIL
            assert name in found.text
            aside.rename(site.files / file)
    site.files.rename(site.files.with_name("lost-files"))
    locks = site.settings.data_dir / "server.lock"
    locks.unlink(missing_ok=True)
    told = CliRunner(env=light_environment()).invoke(app, ["serve", "--config", str(site.config)])
    assert isinstance(told.exception, ProgramError)
    assert told.exception.exit_code == Exit.CONFIG
    assert all(name in str(told.exception) for name in SECRETS)
    assert not locks.exists(), "the folder was not taken"
    assert "serving" not in told.output

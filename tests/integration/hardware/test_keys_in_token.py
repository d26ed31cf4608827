"""Authority, audit key and master key in a token: the commands as the technician types them."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from cekalwatch.program.errors import Exit
from cekalwatch.server.audit.checkpoints import Checkpoint, KeptCheckpoint
from cekalwatch.server.encryption.master_key_source import parse_source
from cekalwatch.server.foundation.clock import SystemClock
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.hardware.uri import TokenUri
from cekalwatch.server.pki.site_pki import SitePki
from cekalwatch.server.storage.audit.checkpoint_signer import CheckpointSigner
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.database import Database
from cekalwatch.server.wiring.audit import open_signer
from cekalwatch.wire.identity import DeviceRole, Identity
from cekalwatch.wire.tls import TlsFiles
from tests.support.builders.keys import key_store
from tests.support.scenarios.people import TOGETHER
from tests.support.scenarios.site_pki import SITE, certificate_request, now
from tests.support.scenarios.technician import Technician
from tests.support.tools.soft_token import SoftToken

CAMERA = ("--role", "camera", "--name", "departure-1")


def test_an_authority_in_a_token_issues_renews_and_revokes(token: SoftToken, tmp_path: Path) -> None:
    technician = Technician(tmp_path, authority_key_from=token.uri("authority"))
    technician.types("pki", "init")
    pki, camera = technician.data / "pki", tmp_path / "camera"
    assert sorted(file.name for file in pki.iterdir()) == ["authority.pem", "ledger.sqlite3", "revoked.pem"]
    technician.types("pki", "issue", *CAMERA, "--out", str(camera))
    technician.types("pki", "renew", *CAMERA, "--out", str(tmp_path / "renewed.pem"))
    assert "2 revoked" in technician.types("pki", "revoke", *CAMERA)
    authority = x509.load_pem_x509_certificate((pki / "authority.pem").read_bytes())
    for file in (TlsFiles(camera).certificate, tmp_path / "renewed.pem"):
        x509.load_pem_x509_certificates(file.read_bytes())[0].verify_directly_issued_by(authority)
    revoked = x509.load_pem_x509_crl((pki / "revoked.pem").read_bytes())
    assert revoked.is_signature_valid(authority.public_key())  # type: ignore[arg-type]
    assert len(list(revoked)) == 2
    assert "already" in technician.is_refused("pki", "init")[1]


def test_with_the_authoritys_token_away_nothing_is_signed_or_half_done_and_the_list_can_be_read(
    token: SoftToken, tmp_path: Path
) -> None:
    technician = Technician(tmp_path, authority_key_from=token.uri("authority"))
    technician.types("pki", "init")
    technician.types("pki", "issue", *CAMERA, "--out", str(tmp_path / "camera"))
    token.pull_out()
    assert technician.types("pki", "list").count("in force") == 1
    for command in (
        ("issue", "--role", "camera", "--name", "arrival-1", "--out", str(tmp_path / "b")),
        ("revoke", *CAMERA),
    ):
        code, told = technician.is_refused("pki", *command)
        assert (code, "plug it in" in told) == (Exit.UNAVAILABLE, True)
    assert technician.types("pki", "list").count("in force") == 1
    assert not (tmp_path / "b" / "key.pem").exists()
    token.plug_in()
    assert "1 revoked" in technician.types("pki", "revoke", *CAMERA)


def test_checkpoints_are_signed_in_the_token_and_verified_without_its_private_key(
    token: SoftToken, tmp_path: Path
) -> None:
    technician = Technician(tmp_path, audit_key_from=token.uri("audit"))
    technician.types("pki", "init")
    technician.types("pki", "issue", *CAMERA, "--out", str(tmp_path / "camera"))  # the first entry of the trail
    made = tmp_path / "checkpoint.json"
    made.write_text(technician.types("audit", "checkpoint"))
    checkpoint = KeptCheckpoint.read(made)[0].checkpoint
    assert not (technician.data / "audit_key.pem").exists()
    assert "is whole" in technician.types("audit", "verify", "--checkpoint", str(made))
    for name, value in {
        "sequence": 2,
        "hash": "0" * 64,
        "at": "2026",
        "signature": "AAAA",
        "public_key": "AAAA",
    }.items():
        forged = Checkpoint(**{**checkpoint.__dict__, name: value})
        assert not forged.valid, name
    token.pull_out()
    assert technician.is_refused("audit", "checkpoint")[0] is Exit.UNAVAILABLE


def test_verifying_makes_no_key_in_a_token_that_holds_none(token: SoftToken, tmp_path: Path) -> None:
    technician = Technician(tmp_path)
    technician.types("pki", "init")
    technician.types("pki", "issue", *CAMERA, "--out", str(tmp_path / "camera"))
    technician.write(audit_key_from=token.uri("audit"))
    assert "holds no public key 'audit'" in technician.is_refused("audit", "verify")[1]


@pytest.mark.slow
def test_the_database_opens_with_the_token_alone_and_its_keys_can_be_changed(token: SoftToken, tmp_path: Path) -> None:
    technician = Technician(tmp_path, master_key_from=token.uri("master"))
    technician.data.mkdir()
    database = Database(technician.settings.database_address)
    database.upgrade()
    key_store(database, technician.settings.master_key_source)
    assert not (technician.data / "master.key").exists()
    assert "is sealed with data key" in technician.types("keys", "rotate")
    sealed = key_store(database, technician.settings.master_key_source).keyring.seal(b"here", b"a name")
    token.pull_out()
    code, told = technician.is_refused("keys", "list")
    assert (code, "plug it in" in told) == (Exit.UNAVAILABLE, True)
    token.plug_in()
    # To another key of the token, to a file, and back: nothing is sealed again.
    for source in (token.uri("master-2027"), f"file:{tmp_path / 'master.key'}", token.uri("master")):
        assert "are wrapped with master key" in technician.types("keys", "rewrap", source)
        assert "master key is the wrong one" in technician.is_refused("keys", "list")[1]
        technician.write(master_key_from=source)
        technician.types("keys", "list")
    keyring = key_store(database, technician.settings.master_key_source).keyring
    assert keyring.open(b"here", sealed) == b"a name"
    database.close()


def test_another_tokens_master_key_is_the_wrong_one(token: SoftToken, tmp_path: Path) -> None:
    technician = Technician(tmp_path, master_key_from=token.uri("master"))
    technician.data.mkdir()
    database = Database(technician.settings.database_address)
    database.upgrade()
    key_store(database, technician.settings.master_key_source)
    database.close()
    token.init("another")
    technician.write(master_key_from=token.uri("master", "another"))
    assert "holds no key 'master'" in technician.is_refused("keys", "list")[1]
    parse_source(token.uri("master", "another")).read_or_make()
    assert "master key is the wrong one" in technician.is_refused("keys", "list")[1]


def test_the_audit_key_moves_into_a_token_when_two_people_accept_the_history(token: SoftToken, tmp_path: Path) -> None:
    technician = Technician(tmp_path)
    technician.types("pki", "init")
    technician.types("pki", "issue", *CAMERA, "--out", str(tmp_path / "camera"))
    before = tmp_path / "before.json"
    before.write_text(technician.types("audit", "checkpoint"))
    technician.write(audit_key_from=token.uri("audit"))
    database = Database(technician.settings.database_address)
    store = AuditStore(database)
    signer = CheckpointSigner(store, *open_signer(technician.settings, store), SystemClock())
    found = signer.history_change()
    assert found, "another key has signed it"
    signer.accept(found, TOGETHER, "the audit key moved to a token")
    assert signer.history_change() is None
    database.close()
    assert json.loads(technician.types("audit", "checkpoint"))["signature"]
    assert "is whole" in technician.types("audit", "verify", "--checkpoint", str(before))


def test_a_device_that_enrols_while_the_token_is_away_can_use_its_code_again(token: SoftToken, tmp_path: Path) -> None:
    authority = TokenUri.parse(token.uri("authority"))
    pki = SitePki.create(tmp_path / "pki", SITE, now(), authority)
    camera = Identity(DeviceRole.CAMERA, SITE, "departure-1")
    code = pki.invite(camera, now(), timedelta(hours=1))
    token.pull_out()
    with pytest.raises(CekalwatchError) as refused:
        pki.enrol(code.secret, certificate_request(), now())
    assert refused.value.code is Code.AUTHORITY_UNAVAILABLE
    assert pki.issued() == []
    token.plug_in()
    identity, certificate = pki.enrol(code.secret, certificate_request(), now())
    assert identity == camera
    assert [one.certificate for one in pki.issued()] == [certificate]
    with pytest.raises(CekalwatchError, match="INVITATION_INVALID"):
        pki.enrol(code.secret, certificate_request(), now())

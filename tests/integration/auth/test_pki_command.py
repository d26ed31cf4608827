"""`cekalwatch-server pki`, as the technician types it."""

from __future__ import annotations

import shlex
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from cekalwatch.program.errors import Exit
from cekalwatch.server.audit.entry import operator
from cekalwatch.server.pki.site_pki import SitePki, hosts_of
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.database import Database
from cekalwatch.server.wiring.endings import endings_of
from cekalwatch.wire.identity import DeviceRole, Identity
from cekalwatch.wire.invitation import InvitationCode, fingerprint, public_id
from cekalwatch.wire.tls import TlsFiles
from tests.support.scenarios.site_pki import certificate_request
from tests.support.scenarios.technician import Technician


@pytest.fixture
def technician(tmp_path: Path) -> Technician:
    return Technician(tmp_path, "pki")


CAMERA = ("--role", "camera", "--name", "departure-1")


def certificate(files: TlsFiles) -> x509.Certificate:
    return x509.load_pem_x509_certificates(files.certificate.read_bytes())[0]


def test_a_site_is_set_up_with_three_commands_and_every_key_is_private(technician: Technician, tmp_path: Path) -> None:
    technician.types("init")
    technician.types("issue", "--role", "server", "--name", "main", "--host", "cekal.batam.local", "--host", "10.1.2.3")
    technician.types("issue", *CAMERA, "--out", str(tmp_path / "camera"))
    for folder in (technician.data / "pki", technician.data / "tls", tmp_path / "camera"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    keys = [*technician.data.rglob("*key*"), tmp_path / "camera" / "key.pem"]
    assert [stat.S_IMODE(key.stat().st_mode) for key in keys] == [0o600] * 3
    listed = technician.types("list")
    assert listed.count("in force") == 2
    assert "cekalwatch://batam-center/camera/departure-1" in listed
    names = certificate(TlsFiles(technician.data / "tls")).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert names.value.get_values_for_type(x509.DNSName) == ["cekal.batam.local", "localhost"]
    assert [str(one) for one in names.value.get_values_for_type(x509.IPAddress)] == ["10.1.2.3", "127.0.0.1", "::1"]
    until = certificate(TlsFiles(tmp_path / "camera")).not_valid_after_utc
    assert timedelta(days=397) < until - datetime.now(UTC) < timedelta(days=399)


def test_a_console_serves_pages_under_a_name_that_no_server_has(technician: Technician, tmp_path: Path) -> None:
    technician.types("init")
    technician.types("issue", "--role", "server", "--name", "main", "--host", "cekal.batam.local")
    console = ("--role", "console", "--name", "console", "--out", str(tmp_path / "console"))
    refused = technician.is_refused("issue", *console, "--host", "cekal.batam.local")[1]
    assert "cekal.batam.local is a server's name: give cekalwatch://batam-center/console/console one" in refused
    technician.types("issue", *console, "--host", "konsol.batam.local")
    extensions = certificate(TlsFiles(tmp_path / "console")).extensions
    uses = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert set(uses) == {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH}
    names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "konsol.batam.local" in names.get_values_for_type(x509.DNSName)


def test_a_console_is_invited_with_its_names_and_nobody_else_has_some(technician: Technician) -> None:
    technician.types("init")
    technician.types("issue", "--role", "server", "--name", "main", "--host", "cekal.batam.local")
    console = ("--role", "console", "--name", "console")
    assert "is a server's name" in technician.is_refused("invite", *console, "--host", "cekal.batam.local")[1]
    assert "neither a host name nor an address" in technician.is_refused("invite", *console, "--host", "kön sol")[1]
    assert "Only a server and a console" in technician.is_refused("invite", *CAMERA, "--host", "kamera.local")[1]
    assert "invited" not in technician.types("list")
    code = InvitationCode.parse(technician.types("invite", *console, "--host", "konsol.batam.local").splitlines()[-1])
    _, enrolled = SitePki.load(technician.data / "pki").enrol(code.secret, certificate_request(), datetime.now(UTC))
    assert hosts_of(enrolled)[0] == "konsol.batam.local"
    technician.types("renew", *console, "--out", str(technician.data / "renewed.pem"))
    renewed = x509.load_pem_x509_certificates((technician.data / "renewed.pem").read_bytes())[0]
    assert hosts_of(renewed)[0] == "konsol.batam.local"


def test_what_ends_is_renewed_by_the_commands_that_its_problems_print(
    technician: Technician, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Commands are typed as they are printed: an expired server's, and of devices of one name at two sites."""
    technician.types("init")
    pki, now = SitePki.load(technician.data / "pki"), datetime.now(UTC)
    pki.issue(
        Identity(DeviceRole.SERVER, "batam-center", "a"),
        ["a.example"],
        technician.data / "tls",
        now - timedelta(days=399),
    )
    for site in ("batam-center", "sekupang"):
        device = Identity(DeviceRole.NOTIFIER, site, "pc-1")
        pki.issue(device, [], tmp_path / site, now - timedelta(days=380))
    monkeypatch.chdir(tmp_path)
    soon, typed = now + timedelta(days=30), list[str]()
    while commands := [one.command for one in endings_of(technician.settings, now) if one.until < soon]:
        typed.append(commands[0])
        program, *arguments = shlex.split(typed[-1])
        assert (program, arguments.pop(0)) == ("cekalwatch-server", "pki"), "this problem was seen before"
        technician.types(*arguments)
        assert typed.count(typed[-1]) == 1, "it did not end the problem"
    assert len(typed) == 3
    assert certificate(TlsFiles(technician.data / "tls")).not_valid_after_utc > now + timedelta(days=397)


def test_renewal_keeps_the_key_and_revocation_ends_every_certificate(technician: Technician, tmp_path: Path) -> None:
    technician.types("init")
    files = TlsFiles(tmp_path / "camera")
    technician.types("issue", *CAMERA, "--days", "10", "--out", str(files.folder))
    before, key = certificate(files), files.key.read_bytes()
    technician.types("renew", *CAMERA, "--out", str(files.certificate))
    files.read()  # they go together
    assert files.key.read_bytes() == key
    assert certificate(files).serial_number != before.serial_number
    assert "2 revoked" in technician.types("revoke", *CAMERA)
    crl = x509.load_pem_x509_crl((technician.data / "pki" / "revoked.pem").read_bytes())
    assert {entry.serial_number for entry in crl} == {before.serial_number, certificate(files).serial_number}
    assert technician.types("list").count("revoked") == 2
    # The name is free again, for another machine.
    technician.types("issue", *CAMERA, "--out", str(tmp_path / "replacement"))


def test_an_invitation_prints_its_code_and_keeps_none(technician: Technician) -> None:
    technician.types("init")
    printed = technician.types("invite", *CAMERA, "--minutes", "5")
    code = InvitationCode.parse(printed.strip().splitlines()[-1])
    authority = x509.load_pem_x509_certificate((technician.data / "pki" / "authority.pem").read_bytes())
    from cryptography.hazmat.primitives.serialization import Encoding

    assert code.fingerprint == fingerprint(authority.public_bytes(Encoding.DER))
    assert "invited" in technician.types("list")
    for file in technician.data.rglob("*"):
        if file.is_file():
            assert code.secret not in file.read_bytes()
            assert code.text.encode() not in file.read_bytes()


@pytest.mark.parametrize(
    ("role", "step", "with_file"),
    [
        ("camera", "cekalwatch-camera enrol --server cekal.local:50052", "cekalwatch-camera init"),
        ("notifier", "cekalwatch-notifier enrol --server cekal.local:50052", "cekalwatch-notifier init"),
        ("console", "cekalwatch-console init --invitation FILE", "cekalwatch-console init"),
        ("port", "cekalwatch-server pki accept --invitation FILE", "cekalwatch-server pki accept"),
        ("diagnostics", "cekalwatch-server pki issue --role diagnostics", "cekalwatch-server pki issue"),
    ],
)
def test_an_invitation_names_the_program_that_is_invited(
    technician: Technician, tmp_path: Path, role: str, step: str, with_file: str
) -> None:
    technician.write(enrolment_listen="0.0.0.0:50052")
    technician.types("init")
    technician.types("issue", "--role", "server", "--name", "main", "--host", "cekal.local")
    device = ("invite", "--role", role, "--name", "x")
    assert step in technician.output(*device)
    written = technician.output(*device, "--out", str(tmp_path / "x.invitation"))
    assert with_file in written
    assert role == "diagnostics" or "--invitation x.invitation" in written


@pytest.mark.slow
def test_what_must_not_be_done_is_refused_in_one_sentence(technician: Technician, tmp_path: Path) -> None:
    assert technician.is_refused("list") == (
        Exit.CONFIG,
        f"There is no authority in {technician.data / 'pki'}; make one: cekalwatch-server pki init",
    )
    technician.types("init")
    assert technician.is_refused("init")[1].endswith("it stays as it is")
    out = ("--out", str(tmp_path / "camera"))
    technician.types("issue", *CAMERA, *out)
    assert "already; choose another --out" in technician.is_refused("issue", *CAMERA, *out)[1]
    assert "renew it, or revoke it" in technician.is_refused("issue", *CAMERA, "--out", str(tmp_path / "b"))[1]
    assert "renew it, or revoke it" in technician.is_refused("invite", *CAMERA)[1]
    assert "--out is missing" in technician.is_refused("issue", "--role", "camera", "--name", "x")[1]
    assert (
        "Only a server and a console have host names"
        in technician.is_refused(
            "issue", "--role", "camera", "--name", "x", "--host", "y", "--out", str(tmp_path / "x")
        )[1]
    )
    assert "needs --host" in technician.is_refused("issue", "--role", "server", "--name", "main")[1]
    assert "not invited" in technician.is_refused("invite", "--role", "server", "--name", "main")[1]
    assert "1 to 64 characters" in technician.is_refused("invite", "--role", "camera", "--name", "Gate 1")[1]
    assert "no certificate in force" in technician.is_refused("revoke", "--role", "camera", "--name", "x")[1]
    assert (
        "no certificate in force"
        in technician.is_refused("renew", "--role", "camera", "--name", "x", "--out", str(tmp_path / "x.pem"))[1]
    )


def test_a_key_or_a_folder_that_others_may_read_is_refused(technician: Technician, tmp_path: Path) -> None:
    technician.types("init")
    open_folder = tmp_path / "open"
    open_folder.mkdir(mode=0o755)
    assert "chmod 700" in technician.is_refused("issue", *CAMERA, "--out", str(open_folder))[1]
    (technician.data / "pki" / "authority.key").chmod(0o644)
    assert "chmod 600" in technician.is_refused("list")[1]


def test_a_device_is_who_the_settings_say(technician: Technician, tmp_path: Path) -> None:
    technician.types("init")
    out = ("--out", str(tmp_path / "gate-1"))
    refused = technician.is_refused("issue", "--role", "camera", "--name", "gate-1", *out)
    assert refused[0] is Exit.USAGE
    assert "no camera gate-1 (but departure-1, arrival-1, x, y): write it into [[cameras]]" in refused[1]
    assert "is at batam-center" in technician.is_refused("invite", *CAMERA, "--site", "sekupang")[1]
    pc = ("--role", "notifier", "--name", "counter-1")
    assert "no site sekupang; they have batam-center" in technician.is_refused("invite", *pc, "--site", "sekupang")[1]
    technician.types("invite", *pc)
    assert "was only invited, and has no certificate: its code is good no more" in technician.types("revoke", *pc)
    with technician.config.open("a") as config:
        config.write('[[sites]]\nsite = "batam-center"\n[[sites]]\nsite = "sekupang"\n')
    assert "--site: batam-center, sekupang" in technician.is_refused("invite", *pc)[1]
    technician.types("invite", *pc, "--site", "sekupang")
    assert "cekalwatch://sekupang/notifier/counter-1" in technician.types("list")


def test_a_camera_that_the_settings_no_longer_have_can_be_revoked(technician: Technician, tmp_path: Path) -> None:
    technician.types("init")
    technician.types("issue", *CAMERA, "--out", str(tmp_path / "camera"))
    technician.config.write_text("")
    assert "1 revoked" in technician.types("revoke", *CAMERA)


def recorded(technician: Technician) -> list[tuple[str, str, str]]:
    """Action, objects and details of what the trail holds, whose actor is always this account."""
    database = Database(f"sqlite:///{technician.data / 'cekalwatch.sqlite3'}")
    found = list(AuditStore(database).links())
    database.close()
    assert {one.actor for one in found} == {str(operator())}
    return [(one.action, one.objects, one.details) for one in found]


def test_what_the_commands_do_is_recorded_without_secrets(technician: Technician, tmp_path: Path) -> None:
    technician.types("init")
    code = InvitationCode.parse(technician.types("invite", *CAMERA).strip().splitlines()[-1])
    files = TlsFiles(tmp_path / "camera")
    technician.types("issue", *CAMERA, "--out", str(files.folder))
    issued = certificate(files)
    technician.types("renew", *CAMERA, "--out", str(files.certificate))
    renewed = certificate(files)
    technician.types("revoke", *CAMERA)

    def details(one: x509.Certificate) -> str:
        return f'{{"serial":"{one.serial_number:x}","valid_until":"{one.not_valid_after_utc:%Y-%m-%d}"}}'

    device = '["device:batam-center/camera/departure-1"]'
    found = recorded(technician)
    assert found == [
        ("DEVICE_INVITED", device, f'{{"invitation":"{public_id(code.secret)}","minutes":60}}'),
        ("CERTIFICATE_ISSUED", device, details(issued)),
        ("CERTIFICATE_RENEWED", device, details(renewed)),
        ("CERTIFICATES_REVOKED", device, '{"certificates":2}'),
    ]


def test_without_a_trail_nothing_is_issued_and_a_stolen_device_is_revoked_all_the_same(
    technician: Technician, tmp_path: Path
) -> None:
    technician.types("init")
    technician.types("issue", *CAMERA, "--out", str(tmp_path / "camera"))
    database = technician.data / "cekalwatch.sqlite3"
    database.unlink()
    database.mkdir()
    other = ("--role", "camera", "--name", "arrival-1")
    assert technician.is_refused("issue", *other, "--out", str(tmp_path / "other"))[0] is Exit.NO_INPUT
    assert technician.is_refused("invite", *other)[0] is Exit.NO_INPUT
    assert not (tmp_path / "other").exists()
    assert technician.is_refused("revoke", *CAMERA)[0] is Exit.NO_INPUT
    listed = technician.types("list")
    assert ("revoked" in listed, "in force" in listed, "invited" in listed) == (True, False, False)

"""Who gets at secrets on Windows, by the lists that it keeps; these tests run on Windows, or Wine."""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic_settings import SettingsConfigDict

from cekalwatch.program import settings as program_settings
from cekalwatch.program.checks.machine import check_secrets
from cekalwatch.program.checks.results import CheckVerdict
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.platform import access, secrets
from cekalwatch.program.platform.places import CAPTURE_SERVICE
from cekalwatch.program.secret_files import create_private, make_private_folder, refuse_shared, write_private
from cekalwatch.program.session_file import SessionFile
from cekalwatch.program.settings import Settings

pytestmark = pytest.mark.windows

EVERYONE = "S-1-1-0"
"""Wine keeps for files what its owner may and what everyone may, and no other account."""
READ, WRITE = 0x120089, 0x12019F


def set_list(path: Path, *grants: tuple[str, int]) -> None:
    """Give `path` a list that grants these accounts something, beside its owner's all."""
    import win32security

    entries = win32security.ACL()
    own = win32security.GetTokenInformation(_token(), win32security.TokenUser)[0]
    entries.AddAccessAllowedAce(win32security.ACL_REVISION, 0x1F01FF, own)
    for sid, mask in grants:
        account = win32security.ConvertStringSidToSid(sid)
        entries.AddAccessAllowedAce(win32security.ACL_REVISION, mask, account)
    what = win32security.DACL_SECURITY_INFORMATION | win32security.PROTECTED_DACL_SECURITY_INFORMATION
    win32security.SetNamedSecurityInfo(str(path), win32security.SE_FILE_OBJECT, what, None, None, entries, None)


def _token() -> object:
    import win32api
    import win32security

    return win32security.OpenProcessToken(win32api.GetCurrentProcess(), 8)


def shared(path: Path, forbidden: int = access.ALL_OTHERS) -> str:
    return access.shared_with(path, path.stat().st_mode, forbidden)


def test_secret_files_and_folders_are_made_for_this_account_and_the_system_only(tmp_path: Path) -> None:
    set_list(tmp_path, (EVERYONE, WRITE))
    folder = tmp_path / "keys"
    make_private_folder(folder)
    assert not shared(folder)
    loose = tmp_path / "loose"
    loose.mkdir()
    set_list(loose, (EVERYONE, WRITE))
    write_private(loose / "written", b"secret")
    create_private(loose / "made", b"secret")
    for file in (loose / "written", loose / "made"):
        assert file.read_bytes() == b"secret"
        assert not shared(file)
        assert "Everyone" not in access.described(file, 0)


@pytest.mark.parametrize(
    ("entries", "strict", "for_accounts"),
    [
        ("(A;;FA;;;SY)(A;;FA;;;BA)(A;;FA;;;S-1-5-21-1-2-3-1001)", False, False),
        ("(A;;FA;;;SY)(A;;FR;;;BU)", True, True),
        ("(A;;FA;;;SY)(A;;GR;;;AU)", True, True),
        ("(A;;FA;;;SY)(A;OICIIO;GR;;;WD)", True, True),
        ("(A;;FA;;;SY)(A;;FR;;;IU)", True, False),
        ("(A;;FA;;;SY)(A;;FR;;;S-1-5-21-1-2-3-1002)", True, False),
        ("(A;;FA;;;SY)(A;;0x6;;;S-1-5-21-1-2-3-1002)", True, True),
        ("(A;;FA;;;SY)(A;;WD;;;IU)", True, True),
        ("(A;;FA;;;SY)(D;;FA;;;WD)(A;;FA;;;OW)(A;;FA;;;CO)", False, False),
        ("(A;;0x1200a0;;;BU)", False, False),
    ],
    ids=[
        "nobody",
        "Users",
        "signed in",
        "inherited",
        "who sits there",
        "an account",
        "writes",
        "gives",
        "denied",
        "enters",
    ],
)
def test_a_list_that_lets_others_in_is_seen(entries: str, strict: bool, for_accounts: bool) -> None:
    import win32security

    from cekalwatch.program.platform.windows.access_lists import others_in

    written = f"O:S-1-5-21-1-2-3-1001D:P{entries}"
    security = win32security.ConvertStringSecurityDescriptorToSecurityDescriptor(written, 1)
    assert bool(others_in(security, access.ALL_OTHERS)) is strict
    assert bool(others_in(security, access.OTHERS_OR_WRITING)) is for_accounts


def test_a_file_that_everyone_reads_is_refused_with_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.touch()
    set_list(file)
    assert not shared(file)
    verdict, text = check_secrets({"the key": file, "nothing": tmp_path / "none"})
    assert verdict is CheckVerdict.OK
    assert text.startswith("looked at the key (only ")
    set_list(file, (EVERYONE, READ))
    with pytest.raises(ProgramError, match=r"Others can read the key .*Everyone.*icacls"):
        refuse_shared("the key", file, file.stat().st_mode, "tell somebody")
    assert check_secrets({"the key": file})[0] is CheckVerdict.FAIL


def test_a_replaced_file_keeps_the_accounts_that_may_read_it(tmp_path: Path) -> None:
    file = tmp_path / "camera.toml"
    file.touch()
    set_list(file, (EVERYONE, READ))
    write_private(file, b"new")
    assert shared(file, stat.S_IROTH)
    assert not shared(file, stat.S_IWOTH)


def test_a_file_without_a_list_is_everybodys(tmp_path: Path) -> None:
    import win32security

    file = tmp_path / "key"
    file.touch()
    what = win32security.DACL_SECURITY_INFORMATION | win32security.PROTECTED_DACL_SECURITY_INFORMATION
    win32security.SetNamedSecurityInfo(str(file), win32security.SE_FILE_OBJECT, what, None, None, None, None)
    assert shared(file, access.OTHERS_OR_WRITING)


def test_the_service_may_read_what_is_its_own() -> None:
    from cekalwatch.program.platform.windows.access_lists import others_in, service_sid

    # As `sc showsid TrustedInstaller` says it.
    assert service_sid("TrustedInstaller").startswith("S-1-5-80-956008885-3418522649-")
    import win32security

    written = f"O:SYD:P(A;;FA;;;SY)(A;;FR;;;{service_sid(CAPTURE_SERVICE)})"
    security = win32security.ConvertStringSecurityDescriptorToSecurityDescriptor(written, 1)
    assert not others_in(security, access.ALL_OTHERS)


@pytest.mark.parametrize(
    ("entries", "reads"),
    [
        ("(A;;FA;;;SY)(A;;FA;;;BA)", False),
        ("(A;;FA;;;SY)(A;;FR;;;S-1-5-21-1-2-3-1001)", False),
        ("(A;;FA;;;SY)(A;;FR;;;BU)", True),
        ("(A;;FA;;;SY)(A;;FR;;;{service})", True),
        ("(A;;FA;;;SY)(A;;0x100000;;;{service})", False),
    ],
    ids=["administrators", "somebody", "Users", "its own", "enters"],
)
def test_what_the_service_may_read_is_seen_by_who_may_read_all(entries: str, reads: bool) -> None:
    import win32security

    from cekalwatch.program.platform.windows.access_lists import lets_read_in, service_sid

    service = service_sid(CAPTURE_SERVICE)
    written = f"O:SYD:P{entries.format(service=service)}"
    security = win32security.ConvertStringSecurityDescriptorToSecurityDescriptor(written, 1)
    assert lets_read_in(security, service) is reads


def test_what_a_check_tells_to_do_takes_a_key_of_the_machine_from_others_and_leaves_it_to_the_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cekalwatch.program.platform.windows.access_lists import service_sid

    monkeypatch.setenv("PROGRAMDATA", str(tmp_path))
    file = tmp_path / "key.pem"
    file.touch()
    set_list(file, (EVERYONE, READ))
    verdict, text = check_secrets({"the key": file})
    told = text.rpartition("run ")[2]
    service = service_sid(CAPTURE_SERVICE)
    assert told == f'icacls "{file}" /inheritance:d /remove:g "Everyone" /grant "*{service}:R"'
    # As icacls does it, which Wine has not.
    set_list(file, (service, READ))
    assert (verdict, check_secrets({"the key": file})[0]) == (CheckVerdict.FAIL, CheckVerdict.OK)
    assert access.unreadable_by_service([]) == {}


def test_a_secret_is_sealed_and_opened_and_a_changed_one_is_not(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    sealed = secrets.protected(b"-----BEGIN PRIVATE KEY-----", file)
    assert b"PRIVATE" not in sealed
    assert secrets.opened(sealed) == b"-----BEGIN PRIVATE KEY-----"
    assert secrets.opened(b"-----BEGIN PRIVATE KEY-----") == b"-----BEGIN PRIVATE KEY-----"
    with pytest.raises(OSError, match="does not open it"):
        secrets.opened(sealed[:-20] + bytes(20))
    session = SessionFile(tmp_path / "state" / "session")
    session.keep("a-token")
    assert session.token() == "a-token"
    assert b"a-token" not in session.file.read_bytes()


class Sample(Settings):
    model_config = SettingsConfigDict(env_prefix="SAMPLE_")
    name: str = ""


def test_settings_of_the_machine_that_others_can_have_written_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "cekalwatch"
    monkeypatch.setattr(program_settings, "SYSTEM_FOLDER", folder)
    program_settings.make_settings_folder(folder)
    file = folder / "sample.toml"
    file.write_text('name = "port"\n')
    set_list(file)
    assert Sample.load().name == "port"
    for path in (file, folder):
        set_list(path, (EVERYONE, WRITE))
        with pytest.raises(ProgramError, match="can change") as refused:
            Sample.load()
        assert refused.value.exit_code is Exit.CONFIG
        set_list(path, (EVERYONE, READ))
    assert Sample.load().name == "port"


def test_program_data_are_of_the_machine() -> None:
    from cekalwatch.program.platform.windows.access_lists import is_of_machine

    assert is_of_machine(Path(os.environ["PROGRAMDATA"]) / "cekalwatch" / "keys" / "key.pem")
    assert not is_of_machine(Path(os.environ["LOCALAPPDATA"]) / "cekalwatch-notifier" / "key.pem")


def test_a_sealed_key_serves_with_its_certificate_and_with_no_other(tmp_path: Path) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    from cekalwatch.wire.tls import TlsError, TlsFiles

    def made() -> tuple[bytes, bytes]:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a")])
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
        form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        return key.private_bytes(*form), builder.sign(key, hashes.SHA256()).public_bytes(form[0])

    files = TlsFiles(tmp_path / "tls")
    make_private_folder(files.folder)
    key, certificate = made()
    write_private(files.key, secrets.protected(key, files.key))
    for file in (files.certificate, files.authority):
        write_private(file, certificate)
    assert files.read().key == key
    assert b"PRIVATE" not in files.key.read_bytes()
    write_private(files.certificate, made()[1])
    with pytest.raises(TlsError, match="not that of its certificate"):
        files.read()
    write_private(files.key, secrets.protected(key, files.key)[:-20])
    with pytest.raises(TlsError, match="does not open it"):
        files.read()

"""PKCS#11 URIs as people write them: what is taken, and that a PIN in one is refused and not repeated."""

from __future__ import annotations

from pathlib import Path

import pytest

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.hardware.uri import PinSource, TokenUri
from cekalwatch.server.settings.settings import ServerSettings

MODULE = "/usr/lib/softhsm/libsofthsm2.so"


def test_a_uri_names_module_token_key_and_where_the_pin_is() -> None:
    uri = TokenUri.parse(
        f"pkcs11:token=Kantor%20Batam;serial=00a1;object=audit?module-path={MODULE}&pin-source=file:/etc/cekalwatch/pin"
    )
    pin = PinSource(file=Path("/etc/cekalwatch/pin"))
    assert uri == TokenUri(Path(MODULE), "audit", "Kantor Batam", "00a1", pin)
    assert str(uri) == "the key 'audit' in the token 'Kantor Batam' with number 00a1"


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("file:/etc/pin", PinSource(file=Path("/etc/pin"))),
        ("file:///etc/pin", PinSource(file=Path("/etc/pin"))),
        ("/etc/pin", PinSource(file=Path("/etc/pin"))),
        ("env:TOKEN_PIN", PinSource(variable="TOKEN_PIN")),
    ],
)
def test_a_pin_is_in_a_file_or_in_the_environment(text: str, source: PinSource) -> None:
    assert PinSource.parse(text) == source


@pytest.mark.parametrize(
    "text",
    [
        "/etc/key",
        "file:/etc/key",
        "pkcs11:",
        f"pkcs11:token=a?module-path={MODULE}",
        f"pkcs11:object=a?module-path={MODULE}",
        "pkcs11:token=a;object=b",
        "pkcs11:token=a;object=b?module-path=lib.so",
        f"pkcs11:token=a;token=b;object=c?module-path={MODULE}",
        f"pkcs11:token=a;object=b;slot-id=1?module-path={MODULE}",
        f"pkcs11:token=a;object=b?module-path={MODULE}&pin-source=pin",
        f"pkcs11:token=a;object=b?module-path={MODULE}&pin-source=env:",
    ],
)
def test_what_is_no_uri_of_a_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"PKCS|pkcs11|pin-source"):
        TokenUri.parse(text)


@pytest.mark.parametrize("setting", ["master_key_from", "audit_key_from", "authority_key_from"])
def test_a_pin_in_a_setting_is_refused_and_not_repeated(setting: str, tmp_path: Path) -> None:
    text = f"pkcs11:token=a;object=b?module-path={MODULE}&pin-value=246810"
    with pytest.raises(ProgramError, match=setting) as refused:
        ServerSettings.load(None, data_dir=tmp_path, **{setting: text})
    assert refused.value.exit_code is Exit.CONFIG
    assert "pin-source" in str(refused.value)
    assert "246810" not in str(refused.value)


def test_a_pin_that_others_can_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "pin"
    file.write_text("246810\n")
    file.chmod(0o640)
    with pytest.raises(ProgramError, match="chmod 600") as refused:
        PinSource(file=file).read()
    assert "246810" not in str(refused.value)
    file.chmod(0o600)
    assert PinSource(file=file).read() == "246810"


def test_a_pin_that_is_missing_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ProgramError, match="Cannot read the PIN"):
        PinSource(file=tmp_path / "none").read()
    monkeypatch.setenv("TOKEN_PIN", " ")
    with pytest.raises(ProgramError, match="no PIN in the environment variable TOKEN_PIN"):
        PinSource(variable="TOKEN_PIN").read()

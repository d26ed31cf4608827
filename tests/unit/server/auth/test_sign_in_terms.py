"""An identity provider is reached by https, or is on this machine."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.auth.sign_in_terms import OpenIdTerms, ProviderTermsError, SessionTerms


@pytest.mark.parametrize(
    "issuer",
    ["https://id.batam.local", "https://id.batam.local:8443/realm", "http://127.0.0.1:8080", "http://[::1]:80/x"],
)
def test_https_and_this_machine_are_safe(issuer: str):
    assert OpenIdTerms(issuer, "client").issuer == issuer


@pytest.mark.parametrize(
    "issuer",
    [
        "http://id.batam.local",
        "http://127.0.0.1.example.org",
        "http://127.0.0.1@example.org/",
        "http://192.168.1.1",
        "https://",
        "ftp://127.0.0.1",
        "id.batam.local",
        "",
        "http://[::1",
        "https://x:99999999999",
    ],
)
def test_what_others_could_read_is_refused(issuer: str):
    with pytest.raises(ProviderTermsError):
        OpenIdTerms(issuer, "client")


@pytest.mark.parametrize("scope", ["profile", "openidprofile", " "])
def test_a_scope_without_openid_is_refused(scope: str):
    with pytest.raises(ProviderTermsError, match="openid"):
        OpenIdTerms("https://id.batam.local", "client", scope=scope)


def test_the_clients_secret_is_read_from_a_file_that_nobody_else_can_read(tmp_path: Path):
    file = tmp_path / "secret"
    file.write_text("hidden\n")
    terms = OpenIdTerms("https://id.batam.local", "cekalwatch", file)
    file.chmod(0o644)
    with pytest.raises(ProgramError, match="chmod 600") as refused:
        terms.client_secret()
    assert refused.value.exit_code is Exit.CONFIG
    file.chmod(0o600)
    assert terms.client_secret() == "hidden"
    assert "hidden" not in repr(terms)
    file.unlink()
    with pytest.raises(ProgramError, match="cannot be read"):
        terms.client_secret()


def test_use_is_noted_often_enough_for_a_short_idle_time():
    assert SessionTerms().note_period == timedelta(minutes=1)
    assert SessionTerms(idle=timedelta(minutes=2)).note_period == timedelta(seconds=30)

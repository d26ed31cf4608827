"""An identity provider is reached by https, or is on this machine."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cekalwatch.server.auth.sign_in_terms import OpenIdTerms, ProviderAddressError, SessionTerms


@pytest.mark.parametrize(
    "issuer",
    ["https://id.batam.local", "https://id.batam.local:8443/realm", "http://127.0.0.1:8080", "http://[::1]:80/x"],
)
def test_https_and_this_machine_are_safe(issuer: str):
    assert OpenIdTerms(issuer, "client", None, "sub").issuer == issuer


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
    with pytest.raises(ProviderAddressError):
        OpenIdTerms(issuer, "client", None, "sub")


def test_the_clients_secret_is_not_shown_by_accident():
    assert "hidden" not in repr(OpenIdTerms("https://id.batam.local", "client", "hidden", "sub"))


def test_use_is_noted_often_enough_for_a_short_idle_time():
    assert SessionTerms().noticed == timedelta(minutes=1)
    assert SessionTerms(idle=timedelta(minutes=2)).noticed == timedelta(seconds=30)

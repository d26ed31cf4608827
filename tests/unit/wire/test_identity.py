from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cekalwatch.wire.identity import DeviceRole, Identity, IdentityError

KEYS = st.from_regex(r"[a-z0-9-]{1,64}", fullmatch=True)


@given(st.sampled_from(DeviceRole), KEYS, KEYS)
def test_an_identity_is_read_back_from_its_uri(role: DeviceRole, site: str, name: str) -> None:
    identity = Identity(role, site, name)
    assert Identity.parse(identity.uri) == identity


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "cekalwatch://batam-center/camera",
        "cekalwatch://batam-center/camera/",
        "cekalwatch://batam-center/camera/dep-1/",
        "cekalwatch://batam-center/camera/dep-1\n",
        "cekalwatch://batam-center/camera/dep-1?x=1",
        "cekalwatch://batam-center/camera/../server/main",
        "cekalwatch://batam-center/Camera/dep-1",
        "cekalwatch://Batam-Center/camera/dep-1",
        "CEKALWATCH://batam-center/camera/dep-1",
        "cekalwatch://batam-center:1/camera/dep-1",
        "cekalwatch://x@batam-center/camera/dep-1",
        "cekalwatch://batam-center/administrator/dep-1",
        "spiffe://batam-center/camera/dep-1",
        " cekalwatch://batam-center/camera/dep-1",
        "cekalwatch://batam-center/camera/" + "a" * 65,
    ],
)
def test_what_deviates_in_one_character_is_no_identity(uri: str) -> None:
    with pytest.raises(IdentityError):
        Identity.parse(uri)


@pytest.mark.parametrize(("site", "name"), [("", "a"), ("a", ""), ("A", "a"), ("a", "a/b"), ("a", "a\n")])
def test_no_identity_is_made_that_could_not_be_read_back(site: str, name: str) -> None:
    with pytest.raises(IdentityError, match="1 to 64 characters"):
        Identity(DeviceRole.CAMERA, site, name)

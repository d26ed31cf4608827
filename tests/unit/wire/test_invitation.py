from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cekalwatch.wire.identity import DeviceRole, Identity
from cekalwatch.wire.invitation import DeviceInvitation, InvitationCode, InvitationError, digest, fingerprint


@given(st.binary(min_size=10, max_size=10), st.binary(min_size=16, max_size=16))
def test_a_code_is_read_back_however_a_person_types_it(secret: bytes, name: bytes) -> None:
    code = InvitationCode(secret, name)
    for typed in (code.text, code.text.lower(), code.text.replace("-", " "), f" {code.text.replace('-', '')} "):
        assert InvitationCode.parse(typed) == code


@given(st.text(max_size=60))
def test_anything_else_is_refused_and_never_shown(text: str) -> None:
    with pytest.raises(InvitationError, match="7 groups of 6"):
        InvitationCode.parse(text + "!")


@pytest.mark.parametrize("cut", [1, 2, 7])
def test_a_code_that_lacks_its_end_is_refused(cut: int) -> None:
    with pytest.raises(InvitationError):
        InvitationCode.parse(InvitationCode.new(b"authority").text[:-cut])


def test_codes_are_all_different_and_name_the_authority() -> None:
    codes = {InvitationCode.new(b"authority") for _ in range(100)}
    assert len({code.secret for code in codes}) == 100
    assert {code.fingerprint for code in codes} == {fingerprint(b"authority")}
    assert fingerprint(b"another") != fingerprint(b"authority")


def test_neither_a_log_nor_the_ledger_gets_the_secret() -> None:
    code = InvitationCode.new(b"authority")
    assert code.text not in repr(code)
    assert code.secret.hex() not in repr(code)
    assert code.secret not in digest(code.secret)


@given(
    st.sampled_from(DeviceRole),
    st.tuples(st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=64)),
    st.sampled_from(["cekal.local:50051", "10.1.2.3:50051", "[fd00::1]:50051"]),
    st.sampled_from([((), ""), (("konsol.local", "fd00::2"), "Asia/Makassar")]),
)
def test_a_whole_invitation_is_read_back_as_one_line(
    role: DeviceRole, counters: tuple[str, ...], server: str, console: tuple[tuple[str, ...], str]
) -> None:
    identity = Identity(role, "batam-center", "departure-1")
    code = InvitationCode.new(b"authority")
    made = DeviceInvitation(identity, server, "cekal.local:50052", code, counters, *console)
    assert DeviceInvitation.parse(f" {made.text}\n") == made
    assert made.text.isascii()
    assert made.text.isprintable()


@pytest.mark.parametrize(
    ("part", "other"),
    [("code=", "kode="), ("server=cekal.local:50051", "server=cekal.local"), ("/camera/", "/kamera/"), ("?", " ")],
)
def test_an_invitation_that_lacks_something_is_refused_and_never_shown(part: str, other: str) -> None:
    identity = Identity(DeviceRole.CAMERA, "batam-center", "departure-1")
    code = InvitationCode.new(b"authority")
    text = DeviceInvitation(identity, "cekal.local:50051", "cekal.local:50052", code).text
    with pytest.raises(InvitationError) as refused:
        DeviceInvitation.parse(text.replace(part, other, 1))
    assert code.text not in str(refused.value)
    assert code.text not in repr(DeviceInvitation.parse(text))

"""What a token does and refuses, and what people are told: SoftHSM stands for the hardware."""

from __future__ import annotations

import hashlib
import threading

import pkcs11
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from cekalwatch.program.errors import Exit
from cekalwatch.server.hardware.errors import TokenAwayError, TokenError, TokenRefusesError
from cekalwatch.server.hardware.signing_key import TokenSigningKey
from cekalwatch.server.hardware.token import Token
from cekalwatch.server.hardware.uri import TokenUri
from tests.support.tools.soft_token import LABEL, PIN, SO_PIN, SoftToken

SHA256 = ec.ECDSA(hashes.SHA256())


def of(token: SoftToken, key: str = "audit") -> TokenUri:
    return TokenUri.parse(token.uri(key))


def test_a_key_is_made_once_signs_and_can_be_read_by_nobody(token: SoftToken) -> None:
    made = TokenSigningKey.load_or_make(of(token))
    again = TokenSigningKey.load_or_make(of(token))
    assert again.public_key() == made.public_key() == TokenSigningKey.load(of(token)).public_key()
    made.public_key().verify(again.sign(b"a checkpoint", SHA256), b"a checkpoint", SHA256)
    with pkcs11.lib(str(token.module)).get_token(token_label=LABEL).open(user_pin=PIN) as session:
        private = session.get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY, label="audit")
        with pytest.raises(pkcs11.AttributeSensitive):
            _ = private[pkcs11.Attribute.VALUE]
        with pytest.raises(pkcs11.PKCS11Error):
            private[pkcs11.Attribute.EXTRACTABLE] = True


def test_many_threads_use_one_token(token: SoftToken) -> None:
    key = TokenSigningKey.load_or_make(of(token))
    signatures: list[bytes] = []
    threads = [threading.Thread(target=lambda: signatures.append(key.sign(b"x", SHA256))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(signatures) == 8


def test_a_token_that_was_pulled_out_is_away_and_works_when_it_is_back(token: SoftToken) -> None:
    key = TokenSigningKey.load_or_make(of(token))
    for _ in range(2):
        token.pull_out()
        with pytest.raises(TokenAwayError, match="plug it in") as away:
            key.sign(b"x", SHA256)
        assert away.value.exit_code is Exit.UNAVAILABLE
        token.plug_in()
        key.sign(b"x", SHA256)


def test_another_token_in_the_reader_is_not_taken_for_the_one_that_is_meant(token: SoftToken) -> None:
    TokenSigningKey.load_or_make(of(token))
    token.init("another")
    with pytest.raises(TokenRefusesError, match="holds no public key 'audit'"):
        TokenSigningKey.load(TokenUri.parse(token.uri("audit", "another")))
    with pytest.raises(TokenAwayError, match="no token 'a third one'"):
        TokenSigningKey.load(TokenUri.parse(token.uri("audit", "a third one")))


def test_a_wrong_pin_is_tried_once_and_again_only_when_it_has_changed(token: SoftToken) -> None:
    key = TokenSigningKey.load_or_make(of(token))
    token.pin_file.write_text("000000")
    with pytest.raises(TokenRefusesError, match="not that of the token") as refused:
        key.sign(b"x", SHA256)
    assert "000000" not in str(refused.value)
    # Were the token asked again it would agree by now: that it is not is what keeps it from locking itself.
    with pkcs11.lib(str(token.module)).get_token(token_label=LABEL).open(rw=True, so_pin=SO_PIN) as session:
        session.init_pin("000000")
    with pytest.raises(TokenRefusesError, match="not tried again"):
        key.sign(b"x", SHA256)
    with pkcs11.lib(str(token.module)).get_token(token_label=LABEL).open(rw=True, so_pin=SO_PIN) as session:
        session.init_pin("111111")
    token.pin_file.write_text("111111")
    key.sign(b"x", SHA256)


def test_a_token_whose_pin_is_not_named_says_so(token: SoftToken) -> None:
    TokenSigningKey.load_or_make(of(token))
    uri = TokenUri(token.module, "audit", LABEL)
    with pytest.raises(TokenRefusesError, match=r"PIN|holds no key"):
        Token(uri).sign(hashlib.sha256(b"x").digest())


def test_a_token_without_the_mechanism_is_refused_and_told_apart_from_one_that_is_away(
    token: SoftToken, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = TokenSigningKey.load_or_make(of(token))
    monkeypatch.setattr("cekalwatch.server.hardware.token.SIGNATURE", pkcs11.Mechanism.ECDSA_SHA512)
    with pytest.raises(TokenRefusesError, match=r"cannot do what this needs \(MechanismInvalid\)"):
        key.sign(b"x", SHA256)


def test_a_key_of_another_kind_under_the_label_is_refused(token: SoftToken) -> None:
    with pkcs11.lib(str(token.module)).get_token(token_label=LABEL).open(rw=True, user_pin=PIN) as session:
        session.generate_key(pkcs11.KeyType.AES, 256, store=True, label="master")
    with pytest.raises(TokenRefusesError, match="cannot do what this needs"):
        Token(of(token, "master")).hmac(b"x")
    with pytest.raises(TokenRefusesError, match="holds no key 'master' of the right kind"):
        Token(of(token, "master")).sign(hashlib.sha256(b"x").digest())


def test_a_module_that_is_no_module_is_named(token: SoftToken) -> None:
    for module in (token.folder / "missing.so", token.configuration):
        uri = TokenUri(module, "audit", LABEL)
        with pytest.raises(TokenError, match=rf"{module.name} cannot be loaded"):
            TokenSigningKey.load(uri)


def test_a_key_that_was_exchanged_for_another_signs_nothing(token: SoftToken) -> None:
    TokenSigningKey.load_or_make(of(token))
    known = TokenSigningKey.of(of(token), ec.generate_private_key(ec.SECP256R1()).public_key())
    with pytest.raises(TokenRefusesError, match="another one than the public key"):
        known.sign(b"x", SHA256)

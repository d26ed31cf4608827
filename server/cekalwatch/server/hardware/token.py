"""Keys in a token that speaks PKCS#11: made there, used there, and never read out.

Each operation has a session of its own. So a token that was pulled out and plugged in again works at once, and nobody
stays logged in. Not all modules support several threads, so one operation runs at a time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass, Session, exceptions
from pkcs11.util.ec import encode_named_curve_parameters

from cekalwatch.server.hardware.errors import PinRefusedError, TokenAwayError, TokenError, TokenRefusesError
from cekalwatch.server.hardware.refused_pins import RefusedPins
from cekalwatch.server.hardware.uri import TokenUri

SECRET_BITS = 256
SIGNATURE = Mechanism.ECDSA
DERIVATION = Mechanism.SHA256_HMAC
_CURVE = encode_named_curve_parameters("secp256r1")
_POINT_BYTES = 65

_T = TypeVar("_T")
_WRONG_PIN = (exceptions.PinIncorrect, exceptions.PinInvalid, exceptions.PinLenRange, exceptions.PinExpired)
_CANNOT = (
    exceptions.MechanismInvalid,
    exceptions.MechanismParamInvalid,
    exceptions.FunctionNotSupported,
    exceptions.KeyTypeInconsistent,
    exceptions.KeySizeRange,
    exceptions.DomainParamsInvalid,
    exceptions.TemplateInconsistent,
    exceptions.AttributeValueInvalid,
    exceptions.AttributeTypeInvalid,
    exceptions.TokenWriteProtected,
)

_one_at_a_time = threading.RLock()
_refused: dict[Path | None, RefusedPins] = {}
"""By their file: all keys of a token share what it refused."""


class Token:
    """The key that a URI names. Methods block, and raise TokenError; any number of threads may use it."""

    def __init__(self, uri: TokenUri) -> None:
        self.uri = uri
        self._refused = _refused.setdefault(uri.refused_pins, RefusedPins(uri.refused_pins))

    def public_key(self) -> bytes | None:
        """Return the point (X9.62, uncompressed) of the P-256 key; None when the token has no such key."""

        def read(session: Session) -> bytes | None:
            found = self._find(session, ObjectClass.PUBLIC_KEY)
            return None if found is None else self._point(found)

        return self._do(read)

    def make_signing_key(self) -> bytes:
        """Make a P-256 key in the token, and return the point of its public half."""

        def make(session: Session) -> bytes:
            parameters = session.create_domain_parameters(KeyType.EC, {Attribute.EC_PARAMS: _CURVE}, local=True)
            public, _ = parameters.generate_keypair(
                store=True,
                label=self.uri.key,
                id=self.uri.key.encode(),
                capabilities=MechanismFlag.SIGN | MechanismFlag.VERIFY,
                private_template={Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False},
            )
            return self._point(public)

        return self._do(make, changes=True)

    def sign(self, sha256: bytes) -> bytes:
        """Return the ECDSA signature of a SHA-256 with the P-256 key: two numbers of 32 bytes."""
        return self._do(lambda session: self._use(session, ObjectClass.PRIVATE_KEY, sha256, SIGNATURE))

    def has_secret(self) -> bool:
        """Whether the token has the secret key."""
        return self._do(lambda session: self._find(session, ObjectClass.SECRET_KEY) is not None)

    def make_secret(self) -> None:
        """Make a secret key of 256 bits in the token."""

        def make(session: Session) -> None:
            session.generate_key(
                KeyType.GENERIC_SECRET,
                SECRET_BITS,
                store=True,
                label=self.uri.key,
                id=self.uri.key.encode(),
                mechanism=Mechanism.GENERIC_SECRET_KEY_GEN,
                capabilities=MechanismFlag.SIGN | MechanismFlag.VERIFY,
                template={Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False},
            )

        self._do(make, changes=True)

    def hmac(self, data: bytes) -> bytes:
        """Return the HMAC-SHA256 of `data` with the secret key."""
        return self._do(lambda session: self._use(session, ObjectClass.SECRET_KEY, data, DERIVATION))

    def _use(self, session: Session, kind: ObjectClass, data: bytes, mechanism: Mechanism) -> bytes:
        key = self._find(session, kind)
        if key is None:
            raise TokenRefusesError(f"The token {self.uri.token_name} holds no key {self.uri.key!r} of the right kind")
        if not hasattr(key, "sign"):
            raise TokenRefusesError(f"The token {self.uri.token_name} does not let the key {self.uri.key!r} sign")
        return bytes(key.sign(data, mechanism=mechanism))

    def _find(self, session: Session, kind: ObjectClass) -> Any:  # noqa: ANN401  # its methods depend on its kind
        try:
            return session.get_key(object_class=kind, label=self.uri.key)
        except exceptions.NoSuchKey:
            return None

    def _point(self, key: Any) -> bytes:  # noqa: ANN401
        point = bytes(key[Attribute.EC_POINT])
        if len(point) == _POINT_BYTES + 2:  # the standard's OCTET STRING, which some tokens omit
            point = point[2:]
        if bytes(key[Attribute.EC_PARAMS]) != _CURVE or len(point) != _POINT_BYTES:
            raise TokenRefusesError(f"{self.uri} is no P-256 key".capitalize())
        return point

    def _do(self, work: Callable[[Session], _T], *, changes: bool = False) -> _T:
        """Do `work` in a session. A failing module is restarted once: it may remember an absent token."""
        with _one_at_a_time:
            try:
                return self._in_session(work, changes=changes)
            except exceptions.PKCS11Error as first:
                if error := self._lasting(first):
                    raise error from None
            try:
                self._module().reinitialize()
                return self._in_session(work, changes=changes)
            except exceptions.PKCS11Error as second:
                raise self._lasting(second) or self._away(second) from None

    def _in_session(self, work: Callable[[Session], _T], *, changes: bool) -> _T:
        asks = {"token_label": self.uri.token} if self.uri.token else {}
        serial = {"token_serial": self.uri.serial.encode()} if self.uri.serial else {}
        token = self._module().get_token(**asks, **serial)
        pin = self.uri.pin.read() if self.uri.pin else None
        place = f"{self.uri.module} {self.uri.token_name}"
        if self._refused.has(place, pin or ""):
            raise self._wrong_pin()
        try:
            session = token.open(rw=changes, user_pin=pin)
        except exceptions.PKCS11Error as error:
            if isinstance(error, _WRONG_PIN):
                self._refused.add(place, pin or "")
            self._module().finalize()  # otherwise a session whose login failed stays open
            raise
        self._refused.forget(place)
        with session:
            return work(session)

    def _module(self) -> Any:  # noqa: ANN401  # pkcs11's own type is made at run time
        try:
            return pkcs11.lib(str(self.uri.module))
        except exceptions.PKCS11Error as error:
            if type(error) is not exceptions.PKCS11Error:  # an answer of the module, which is therefore loaded
                raise
            raise TokenRefusesError(f"The PKCS#11 module {self.uri.module} cannot be loaded: {error}") from None

    def _lasting(self, error: exceptions.PKCS11Error) -> TokenError | None:
        """Return what a person must change; None if the token may only be absent."""
        name = self.uri.token_name
        match error:
            case exceptions.PinLocked():
                return TokenRefusesError(
                    f"The token {name} has locked itself after wrong PINs: unlock it with its SO PIN"
                )
            case exceptions.UserPinNotInitialized():
                return TokenRefusesError(f"The token {name} has no PIN yet: set one with the tool of its maker")
            case exceptions.UserNotLoggedIn():
                return TokenRefusesError(f"The token {name} asks for a PIN: name its file with pin-source=file:PATH")
            case exceptions.MultipleTokensReturned():
                return TokenRefusesError(f"There are several tokens {name}: add serial= to the PKCS#11 URI")
            case exceptions.MultipleObjectsReturned():
                return TokenRefusesError(
                    f"There are several keys {self.uri.key!r} in the token {name}: remove all but one"
                )
        if isinstance(error, _WRONG_PIN):
            return self._wrong_pin()
        if isinstance(error, _CANNOT) or type(error) is exceptions.PKCS11Error:  # the latter has no type of its own
            what = str(error) or type(error).__name__
            return TokenRefusesError(f"The token {name} cannot do what this needs ({what}); see docs/hardware-keys.md")
        return None

    def _wrong_pin(self) -> TokenError:
        where = self.uri.pin.name if self.uri.pin else "no place"
        return PinRefusedError(
            f"The PIN in {where} is not that of the token {self.uri.token_name}. It is not tried again before it "
            "changes: tokens lock themselves after some wrong ones"
        )

    def _away(self, error: exceptions.PKCS11Error) -> TokenError:
        if isinstance(error, exceptions.NoSuchToken):
            return TokenAwayError(f"There is no token {self.uri.token_name}: plug it in ({self.uri.module} finds none)")
        return TokenAwayError(f"The token {self.uri.token_name} does not answer ({type(error).__name__}): plug it in")

"""Sends requests to a camera in SOAP over HTTP. The camera, or an impostor, may answer anything.

An answer is limited in bytes, depth, elements and time. Its redirections, compression, entities and cookies are not
used. It knows no request; those are in `onvif`. The certificate is checked before anything is sent: by its fingerprint,
if one is set; otherwise by an authority, the office's own or those that this machine trusts.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
import ssl
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import Element, SubElement, TreeBuilder, tostring

import defusedxml.ElementTree
import httpx

MISMATCH: Final = "its certificate has another fingerprint"


class CertificateCheckError(Exception):
    """What a camera's certificate is to be checked by cannot be used; the message says why."""


def tls_to_camera(fingerprint: str | None, authority: Path | None) -> ssl.SSLContext:
    """Return the TLS context for connections to a camera. Raises CertificateCheckError.

    `fingerprint`: SHA-256 of its certificate, 64 hexadecimal digits; name, authority and validity are then not checked.
    `authority`: a PEM file; None: the authorities that this machine trusts.
    """
    if fingerprint:
        return _PinnedContext.of(bytes.fromhex(fingerprint))
    try:
        return ssl.create_default_context(cafile=authority)
    except OSError as error:  # ssl.SSLError is one
        reason = "holds no certificate in PEM" if isinstance(error, ssl.SSLError) else error.strerror
        raise CertificateCheckError(f"{authority} {reason}") from None


class _PinnedContext(ssl.SSLContext):
    """Takes one certificate only."""

    fingerprint: bytes

    @classmethod
    def of(cls, fingerprint: bytes) -> _PinnedContext:
        context = cls(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.fingerprint = fingerprint
        context.sslobject_class = _PinnedConnection
        return context


class _PinnedConnection(ssl.SSLObject):
    """Ends the connection at the handshake if the camera shows another certificate, before anything is sent."""

    def do_handshake(self) -> None:
        """Shake hands, and look at the certificate. Raises ssl.SSLError."""
        super().do_handshake()
        shown = self.getpeercert(binary_form=True) or b""
        expected = self.context.fingerprint if isinstance(self.context, _PinnedContext) else b""
        if hashlib.sha256(shown).digest() != expected:
            raise ssl.SSLCertVerificationError(MISMATCH)


ANSWER_S: Final = 5.0
"""How long one question may take, with its whole answer."""
MAX_ANSWER_BYTES: Final = 256 * 1024
"""300 presets, or the profiles of a talkative camera, have half of it."""
MAX_ELEMENTS: Final = 20_000
MAX_DEPTH: Final = 64

ENVELOPE: Final = "http://www.w3.org/2003/05/soap-envelope"
_SECURITY: Final = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
_UTILITY: Final = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
_TOKEN: Final = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0"  # noqa: S105
_MESSAGE: Final = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0"

UNREADABLE: Final = "it answers what is no ONVIF, or damaged, at its `address`"
UNREACHABLE: Final = "it cannot be reached, or speaks no ONVIF, at its `address`"
REFUSED_PERSON: Final = "it does not accept this user and password for ONVIF"


class OnvifError(Exception):
    """The camera does not answer, or not soundly, or refuses; the message says what to do, and holds no password."""


class Refusal(OnvifError):  # noqa: N818  # it is what the camera said
    """The camera understood the question, and does not answer it."""


class SoapClient:
    """A connection to one camera. Every method raises OnvifError, and nothing else for whatever the camera does."""

    def __init__(self, address: str, user: str, password: str, tls: ssl.SSLContext) -> None:
        """`address`: http or https, host and port; nothing is asked at any other."""
        self._address = address
        self._user = user
        self._password = password
        self.clock_ahead = timedelta()
        """How far the camera's clock is ahead of ours: it refuses tokens that look old."""
        self._http = httpx.AsyncClient(
            verify=tls,
            trust_env=False,
            follow_redirects=False,
            timeout=ANSWER_S,
            limits=httpx.Limits(max_connections=1),
            headers={"accept-encoding": "identity", "user-agent": "cekalwatch"},
        )

    async def close(self) -> None:
        await self._http.aclose()

    async def ask(self, path: str, question: Element, *, signed: bool = True) -> Element:
        """Return the answer to `question`, an element of the same name with the suffix `Response`.

        Raises Refusal when the camera answers with a fault. `signed`: with user and password.
        """
        body = _envelope(question, self._token() if signed else None)
        try:
            async with asyncio.timeout(ANSWER_S):
                status, answer = await self._exchange(path, question.tag, body)
        except (TimeoutError, httpx.TimeoutException):
            raise OnvifError(f"it did not answer within {ANSWER_S:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            # Their messages may hold addresses with passwords.
            raise OnvifError(_certificate_fault(error) or UNREACHABLE) from None
        if status == httpx.codes.UNAUTHORIZED:
            raise Refusal(REFUSED_PERSON)
        return read_answer(answer, question.tag)

    async def _exchange(self, path: str, name: str, body: bytes) -> tuple[int, bytes]:
        namespace, _, local = name[1:].partition("}")
        kind = f'application/soap+xml; charset=utf-8; action="{namespace}/{local}"'
        asked = partial(
            self._http.stream, "POST", f"{self._address}{path}", content=body, headers={"content-type": kind}
        )
        try:
            return await self._once(asked)
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
            # A camera may have closed the connection since the last question, which is noticed only now.
            return await self._once(asked)

    async def _once(self, asked: Callable[[], AbstractAsyncContextManager[httpx.Response]]) -> tuple[int, bytes]:
        async with asked() as response:
            self._http.cookies.clear()
            return response.status_code, await _bounded(response)

    def _token(self) -> Element:
        """Who asks, with a digest of the password (WS-Security UsernameToken Profile 1.0)."""
        created = f"{datetime.now(UTC) + self.clock_ahead:%Y-%m-%dT%H:%M:%S}.000Z"
        nonce = secrets.token_bytes(16)
        digest = hashlib.sha1(nonce + created.encode() + self._password.encode()).digest()  # noqa: S324  # the standard's
        security = Element(f"{{{_SECURITY}}}Security", {f"{{{ENVELOPE}}}mustUnderstand": "true"})
        token = SubElement(security, f"{{{_SECURITY}}}UsernameToken")
        SubElement(token, f"{{{_SECURITY}}}Username").text = self._user
        password = SubElement(token, f"{{{_SECURITY}}}Password", {"Type": f"{_TOKEN}#PasswordDigest"})
        password.text = base64.b64encode(digest).decode()
        encoded = SubElement(token, f"{{{_SECURITY}}}Nonce", {"EncodingType": f"{_MESSAGE}#Base64Binary"})
        encoded.text = base64.b64encode(nonce).decode()
        SubElement(token, f"{{{_UTILITY}}}Created").text = created
        return security


def read_answer(body: bytes, question: str) -> Element:
    """Return the answer in an envelope; raises Refusal for a fault, OnvifError for what is no answer to `question`."""
    if len(body) > MAX_ANSWER_BYTES:
        raise OnvifError(f"it answers more than {MAX_ANSWER_BYTES} bytes")
    try:
        parser = defusedxml.ElementTree.DefusedXMLParser(target=_BoundedTree(), forbid_dtd=True)
        parser.feed(body)
        envelope: Element = parser.close()
    except (ValueError, SyntaxError, LookupError):  # forbidden parts; no XML; an encoding that is not known
        raise OnvifError(UNREADABLE) from None
    content = envelope.find(f"{{{ENVELOPE}}}Body") if envelope.tag == f"{{{ENVELOPE}}}Envelope" else None
    if content is None or len(content) == 0:
        raise OnvifError("its answer is empty")
    if content[0].tag == f"{{{ENVELOPE}}}Fault":
        told = " ".join(content[0].itertext()).lower()
        if "notauthorized" in told or "auth" in told:
            raise Refusal(REFUSED_PERSON)
        raise Refusal("it refused the question")
    if content[0].tag != f"{question}Response":
        raise OnvifError("it answers another question")
    return content[0]


class _BoundedTree(TreeBuilder):
    """Ends an answer that is nested too deeply, or has too many parts, where it becomes so."""

    def __init__(self) -> None:
        super().__init__()
        self._depth = self._elements = 0

    def start(self, tag: str, attrs: dict[str, str], /) -> Element:
        """Begin an element; raises ValueError beyond the bounds."""
        self._depth += 1
        self._elements += 1
        if self._depth > MAX_DEPTH or self._elements > MAX_ELEMENTS:
            raise ValueError(tag)
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> Element:
        self._depth -= 1
        return super().end(tag)


def _envelope(question: Element, token: Element | None) -> bytes:
    envelope = Element(f"{{{ENVELOPE}}}Envelope")
    if token is not None:
        SubElement(envelope, f"{{{ENVELOPE}}}Header").append(token)
    SubElement(envelope, f"{{{ENVELOPE}}}Body").append(question)
    written: bytes = tostring(envelope, encoding="utf-8", xml_declaration=True)
    return written


async def _bounded(response: httpx.Response) -> bytes:
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise OnvifError("it answers in compressed form, which it was not asked for")
    body = bytearray()
    async for part in response.aiter_raw():
        body += part
        if len(body) > MAX_ANSWER_BYTES:
            raise OnvifError(f"it answers more than {MAX_ANSWER_BYTES} bytes")
    return bytes(body)


def _certificate_fault(error: BaseException | None) -> str:
    """Say what is wrong with the camera's certificate, if that is the cause; empty otherwise."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            reason = getattr(error, "verify_message", "") or str(error.args[-1])
            return (
                f"its certificate is not trusted ({reason}): compare its SHA-256 fingerprint with the one on the "
                "camera's own page, and set `fingerprint`, or set `authority` (docs/camera.md)"
            )
        error = error.__cause__ or error.__context__
    return ""

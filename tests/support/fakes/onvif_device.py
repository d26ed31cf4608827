"""A camera that can be turned, as an ONVIF device on a port of this machine: SOAP over HTTP, tokens checked.

It answers what a camera does of the device, media and PTZ services, takes a while to turn, and can be made to fail.
"""

from __future__ import annotations

import base64
import hashlib
import re
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Self
from xml.etree.ElementTree import Element

import defusedxml.ElementTree
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

USER = "watcher"
PASSWORD = "kata-sandi-kamera"
DEVICE = "http://www.onvif.org/ver10/device/wsdl"
MEDIA = "http://www.onvif.org/ver10/media/wsdl"
PTZ = "http://www.onvif.org/ver20/ptz/wsdl"
SCHEMA = "http://www.onvif.org/ver10/schema"
ENVELOPE = "http://www.w3.org/2003/05/soap-envelope"
SECURITY = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
UTILITY = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
DIGEST = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordDigest"
MAX_TOKEN_AGE_S = 60

Position = tuple[float, float, float]


class OnvifDevice:
    """The camera. Its motor turns when `finish_turn` is called."""

    def __init__(self, presets: dict[str, Position], tls: ssl.SSLContext | None = None) -> None:
        """`presets`: position of each name; tokens are preset-1, preset-2, …"""
        self._scheme = "https" if tls else "http"
        self.presets = {f"preset-{number}": (name, at) for number, (name, at) in enumerate(presets.items(), 1)}
        self.position: Position = (0.0, 0.0, 0.0)
        self.heading: Position | None = None
        """Where it turns to; None while it rests."""
        self.tells_position = True
        self.tells_zeros = False
        """Answers, but with the same position always, of its presets too."""
        self.sent_to: list[str] = []
        """Names of the presets to which it was sent."""
        self.on_order: Callable[[], object] = lambda: None
        """Called when it is told to turn, before it answers."""
        self.turns_by_itself = False
        """Arrives at once, without `finish_turn`."""
        self.only_capabilities = False
        """An old one, which has no GetServices."""
        self.mischief: Callable[[str], Response | None] = lambda _: None
        """What it answers instead, by the name of the question; None: what is right."""
        self.asked: list[str] = []
        self.refused = 0
        self._nonces: set[str] = set()
        self._server = HTTPServer("127.0.0.1", threaded=True, ssl_context=tls)
        self._server.expect_request(re.compile("/.*")).respond_with_handler(self._answer)

    @property
    def address(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._server.port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Answer, after `stop` at the same address as before."""
        self._server.start()

    def stop(self) -> None:
        self._server.stop()

    def finish_turn(self) -> None:
        """Let the motor arrive."""
        assert self.heading is not None
        self.position, self.heading = self.heading, None

    def _answer(self, request: Request) -> Response:
        asked = defusedxml.ElementTree.fromstring(request.get_data())
        body = asked.find(f"{{{ENVELOPE}}}Body")
        assert body is not None
        name = body[0].tag.rpartition("}")[2]
        if (instead := self.mischief(name)) is not None:
            self.asked.append(name)
            return instead
        status, envelope = self._envelope(name, asked, body[0])
        return Response(envelope, status, content_type="application/soap+xml; charset=utf-8")

    def _envelope(self, name: str, envelope: Element, question: Element) -> tuple[int, str]:
        self.asked.append(name)
        if name == "GetSystemDateAndTime":  # the one that needs no token
            return 200, in_envelope(self.sound_answer(name))
        if not self._trusts(envelope):
            self.refused += 1
            return 400, _fault("ter:NotAuthorized", "The requested action requires authorization")
        answered = self.sound_answer(name, question.findtext(f"{{{PTZ}}}PresetToken"))
        return (200, in_envelope(answered)) if answered else (400, _fault("ter:ActionNotSupported", "Not supported"))

    def sound_answer(self, name: str, token: str | None = None) -> str:
        """What it answers to the question `name`, about the preset `token`; empty when it does not know it."""
        answers: dict[str, Callable[[], str]] = {
            "GetSystemDateAndTime": self._time,
            "GetServices": self._services,
            "GetCapabilities": self._capabilities,
            "GetProfiles": self._profiles,
            "GetPresets": self._list_presets,
            "GetStatus": self._status,
            "GotoPreset": lambda: self._goto(token),
        }
        return answers[name]()

    def _trusts(self, envelope: Element) -> bool:
        token = envelope.find(f".//{{{SECURITY}}}UsernameToken")
        if token is None:
            return False
        password = token.find(f"{{{SECURITY}}}Password")
        nonce = token.findtext(f"{{{SECURITY}}}Nonce") or ""
        created = token.findtext(f"{{{UTILITY}}}Created") or ""
        if password is None or password.get("Type") != DIGEST or nonce in self._nonces:
            return False
        self._nonces.add(nonce)
        age_s = abs((datetime.now(UTC) - datetime.fromisoformat(created)).total_seconds())
        wanted = hashlib.sha1(base64.b64decode(nonce) + created.encode() + PASSWORD.encode()).digest()  # noqa: S324  # the standard's
        user = token.findtext(f"{{{SECURITY}}}Username")
        return (user, password.text) == (USER, base64.b64encode(wanted).decode()) and age_s < MAX_TOKEN_AGE_S

    def _time(self) -> str:
        now = datetime.now(UTC)
        return f"""<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime>
            <tt:DateTimeType>NTP</tt:DateTimeType><tt:DaylightSavings>false</tt:DaylightSavings><tt:UTCDateTime>
            <tt:Time><tt:Hour>{now.hour}</tt:Hour><tt:Minute>{now.minute}</tt:Minute><tt:Second>{now.second}</tt:Second>
            </tt:Time><tt:Date><tt:Year>{now.year}</tt:Year><tt:Month>{now.month}</tt:Month><tt:Day>{now.day}</tt:Day>
            </tt:Date></tt:UTCDateTime></tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse>"""

    def _services(self) -> str:
        if self.only_capabilities:
            return ""
        services = "".join(
            # A camera behind another network says an address that leads nowhere.
            f"<tds:Service><tds:Namespace>{namespace}</tds:Namespace><tds:XAddr>http://192.0.2.1/onvif/{path}</tds:XAddr>"
            "<tds:Version><tt:Major>2</tt:Major><tt:Minor>60</tt:Minor></tds:Version></tds:Service>"
            for namespace, path in ((DEVICE, "device_service"), (MEDIA, "media"), (PTZ, "ptz"))
        )
        return f"<tds:GetServicesResponse>{services}</tds:GetServicesResponse>"

    def _capabilities(self) -> str:
        return """<tds:GetCapabilitiesResponse><tds:Capabilities>
            <tt:Media><tt:XAddr>http://192.0.2.1/onvif/media</tt:XAddr><tt:StreamingCapabilities/></tt:Media>
            <tt:PTZ><tt:XAddr>http://192.0.2.1/onvif/ptz</tt:XAddr></tt:PTZ>
            </tds:Capabilities></tds:GetCapabilitiesResponse>"""

    def _profiles(self) -> str:
        return """<trt:GetProfilesResponse>
            <trt:Profiles token="fixed" fixed="true"><tt:Name>fixed</tt:Name></trt:Profiles>
            <trt:Profiles token="main" fixed="true"><tt:Name>main</tt:Name><tt:PTZConfiguration token="ptz">
            <tt:Name>ptz</tt:Name><tt:UseCount>1</tt:UseCount><tt:NodeToken>node</tt:NodeToken></tt:PTZConfiguration>
            </trt:Profiles></trt:GetProfilesResponse>"""

    def _list_presets(self) -> str:
        presets = "".join(
            f'<tptz:Preset token="{token}"><tt:Name>{name}</tt:Name><tt:PTZPosition>{self._axes(at)}</tt:PTZPosition>'
            "</tptz:Preset>"
            for token, (name, at) in self.presets.items()
        )
        return f"<tptz:GetPresetsResponse>{presets}</tptz:GetPresetsResponse>"

    def _status(self) -> str:
        position = f"<tt:Position>{self._axes(self.position)}</tt:Position>" if self.tells_position else ""
        moving = "MOVING" if self.heading else "IDLE"
        return f"""<tptz:GetStatusResponse><tptz:PTZStatus>{position}<tt:MoveStatus><tt:PanTilt>{moving}</tt:PanTilt>
            <tt:Zoom>IDLE</tt:Zoom></tt:MoveStatus><tt:UtcTime>{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}</tt:UtcTime>
            </tptz:PTZStatus></tptz:GetStatusResponse>"""

    def _goto(self, token: str | None) -> str:
        name, self.heading = self.presets[token or ""]
        self.sent_to.append(name)
        self.on_order()
        if self.turns_by_itself:
            self.finish_turn()
        return "<tptz:GotoPresetResponse/>"

    def _axes(self, position: Position) -> str:
        pan, tilt, zoom = (0.0, 0.0, 0.0) if self.tells_zeros else position
        return f'<tt:PanTilt x="{pan}" y="{tilt}"/><tt:Zoom x="{zoom}"/>'


def in_envelope(body: str) -> str:
    return (
        f'<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="{ENVELOPE}" xmlns:tds="{DEVICE}" '
        f'xmlns:trt="{MEDIA}" xmlns:tptz="{PTZ}" xmlns:tt="{SCHEMA}"><s:Body>{body}</s:Body></s:Envelope>'
    )


def _fault(code: str, reason: str) -> str:
    return in_envelope(
        '<s:Fault xmlns:ter="http://www.onvif.org/ver10/error"><s:Code><s:Value>s:Sender</s:Value><s:Subcode>'
        f'<s:Value>{code}</s:Value></s:Subcode></s:Code><s:Reason><s:Text xml:lang="en">{reason}</s:Text></s:Reason>'
        "</s:Fault>"
    )

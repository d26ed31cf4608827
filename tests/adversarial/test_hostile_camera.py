"""A camera that can be turned, or who stands in its place, answers to do harm.

Whatever it answers, the monitor does not end, nothing is sent under any key from that moment on, and little is spent.
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from werkzeug import Response

from cekalwatch.camera.ptz import soap
from cekalwatch.camera.ptz.onvif import opened
from cekalwatch.camera.ptz.soap import MAX_ANSWER_BYTES, MAX_DEPTH, MAX_ELEMENTS, OnvifError
from tests.support.builders.camera_certificate import camera_certificate
from tests.support.fakes.onvif_device import PASSWORD, OnvifDevice, in_envelope
from tests.support.scenarios.turning import AT_PRESET, AWAY, DEPARTURES, UNKNOWN, Mount, at, until
from tests.support.tools.own_memory import forget_peak, peak_bytes

STATUS = "<tptz:GetStatusResponse><tptz:PTZStatus>{}</tptz:PTZStatus></tptz:GetStatusResponse>"
AXES = '<tt:Position><tt:PanTilt x="{0}" y="{0}"/><tt:Zoom x="{0}"/></tt:Position>'
BILLION_LAUGHS = '<!ENTITY a0 "ha">' + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))


def declaring(entities: str, part: str = "") -> bytes:
    """A sound answer but for the entities that it declares, with one more part."""
    head, end, rest = in_envelope(STATUS.format(part)).partition("?>")
    return f"{head}{end}<!DOCTYPE a [{entities}]>{rest}".encode()


ANSWERS = {
    "nothing": b"",
    "a blank": b"   \n",
    "an empty envelope": in_envelope("").encode(),
    "an answer without its content": in_envelope("<tptz:GetStatusResponse/>").encode(),
    "another answer": in_envelope("<tptz:GotoPresetResponse/>").encode(),
    "a page": b"<html><body>Log in</body></html>",
    "half of an answer": in_envelope(STATUS.format("")).encode()[:400],
    "no number": in_envelope(STATUS.format(AXES.format("left"))).encode(),
    "not a number": in_envelope(STATUS.format(AXES.format("nan"))).encode(),
    "a number without end": in_envelope(STATUS.format(AXES.format("1e999"))).encode(),
    "an unknown encoding": b'<?xml version="1.0" encoding="klingon"?><a/>',
    # Those from here on would pass for sound where no bound is.
    "an entity": declaring('<!ENTITY a "ha">', "<tt:Error>&a;</tt:Error>"),
    "entities": declaring(BILLION_LAUGHS, "<tt:Error>&a11;</tt:Error>"),
    "a file of this machine": declaring('<!ENTITY x SYSTEM "file:///etc/passwd">'),
    "depth": in_envelope(STATUS.format("<a>" * MAX_DEPTH + "</a>" * MAX_DEPTH)).encode(),
    "many parts": in_envelope(STATUS.format("<a/>" * MAX_ELEMENTS)).encode(),
    "many bytes": in_envelope(STATUS.format(" " * MAX_ANSWER_BYTES)).encode(),
}


async def nothing_is_sent_while(mount: Mount, answer: Callable[[], Response]) -> None:
    """The clock stands still: it is the answer that ends the sending, not the time since the last sound one."""
    async with mount.followed():
        await mount.until(dep=AT_PRESET, arr=AWAY)
        mount.device.mischief = lambda name: answer() if name == "GetStatus" else None
        await mount.until(dep=UNKNOWN, arr=UNKNOWN)
        lost = mount.losses.count
        await until(lambda: mount.losses.count > lost)  # it asks again and again
        assert mount.statuses == (UNKNOWN, UNKNOWN)
        mount.device.mischief = lambda _: None
        await mount.until(dep=AT_PRESET, arr=AWAY)


@pytest.mark.parametrize("answer", ANSWERS)
async def test_an_answer_that_is_none_leaves_no_key_sending_and_the_monitor_asks_again(mount: Mount, answer: str):
    await nothing_is_sent_while(mount, lambda: Response(ANSWERS[answer], 200, content_type="application/soap+xml"))


@pytest.mark.parametrize("status", [204, 301, 401, 404, 500])
async def test_a_status_that_is_no_answer_leaves_no_key_sending(mount: Mount, status: int):
    await nothing_is_sent_while(mount, lambda: Response(b"", status, headers={"Location": "http://192.0.2.1/"}))


@pytest.mark.parametrize("status", [307, 308])
async def test_a_redirection_leads_nowhere(mount: Mount, status: int):
    """With these two, who obeys asks the same once more: the digest goes along."""
    with OnvifDevice({"departures": DEPARTURES}) as thief:
        answer = Response(b"", status, headers={"Location": f"{thief.address}/onvif/ptz"})
        await nothing_is_sent_while(mount, lambda: answer)
        assert thief.asked == []


async def test_a_compressed_answer_is_not_unpacked(mount: Mount):
    """300 MB of blanks in 300 kB, in one piece: of several, the library unpacks the first."""
    packing, blanks = zlib.compressobj(wbits=zlib.MAX_WBITS | 16), b" " * 10_000_000
    bomb = b"".join(packing.compress(blanks) for _ in range(30)) + packing.flush()
    forget_peak()
    before = peak_bytes()
    await nothing_is_sent_while(mount, lambda: Response(bomb, 200, headers={"Content-Encoding": "gzip"}))
    assert peak_bytes() - before < 100_000_000


async def test_an_answer_without_end_is_left_where_its_bound_is(mount: Mount):
    given = 0

    def endless() -> Iterator[bytes]:
        nonlocal given
        while True:
            given += 65_536
            yield b" " * 65_536

    await nothing_is_sent_while(mount, lambda: Response(endless(), 200, content_type="application/soap+xml"))
    # What the sockets of both sides hold comes on top of what was read, for each time that it was asked.
    assert given / mount.device.asked.count("GetStatus") < 50 * MAX_ANSWER_BYTES


async def test_an_answer_that_drips_is_given_up_as_a_whole(mount: Mount, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(soap, "ANSWER_S", 0.5)
    ended = threading.Event()

    def dripping() -> Iterator[bytes]:
        while not ended.wait(0.05):  # each part comes well in time
            yield b" "

    try:
        await nothing_is_sent_while(mount, lambda: Response(dripping(), 200, content_type="application/soap+xml"))
    finally:
        ended.set()


async def test_an_answer_that_comes_late_tells_what_was(mount: Mount):
    """Who delays the answers of a camera that is turned meanwhile gains nothing."""
    async with mount.followed():
        await mount.until(dep=AT_PRESET, arr=AWAY)

        def late(name: str) -> None:
            if name == "GetStatus":
                mount.clock.passed_s += 4

        mount.device.mischief = late
        await mount.until(dep=UNKNOWN, arr=UNKNOWN)
        await mount.answers()
        assert mount.statuses == (UNKNOWN, UNKNOWN)


async def test_addresses_that_it_tells_lead_nowhere_else(device: OnvifDevice):
    """The password's digest goes to the machine that was set, whatever the camera says of others."""
    with OnvifDevice({"departures": DEPARTURES}) as thief:
        places = "".join(
            f"<tds:Service><tds:Namespace>http://www.onvif.org/{name}/wsdl</tds:Namespace>"
            f"<tds:XAddr>{thief.address}/onvif/{name}</tds:XAddr></tds:Service>"
            for name in ("ver10/media", "ver20/ptz")
        )
        answer = in_envelope(f"<tds:GetServicesResponse>{places}</tds:GetServicesResponse>")
        device.mischief = lambda name: Response(answer, 200) if name == "GetServices" else None
        async with opened(at(device), PASSWORD) as camera:
            await camera.status()
        assert device.asked[-1] == "GetStatus"
        assert thief.asked == []


@pytest.mark.parametrize("address", ["http://[", "//", "", "http://192.0.2.1/a b", "http://192.0.2.1/" + "a" * 300])
async def test_an_address_that_is_none_is_an_error_of_the_monitor(device: OnvifDevice, address: str):
    services = (
        "<tds:GetServicesResponse><tds:Service><tds:Namespace>http://www.onvif.org/ver10/media/wsdl</tds:Namespace>"
        f"<tds:XAddr>{address}</tds:XAddr></tds:Service></tds:GetServicesResponse>"
    )
    device.mischief = lambda name: Response(in_envelope(services), 200) if name == "GetServices" else None
    with pytest.raises(OnvifError, match="address"):
        async with opened(at(device), PASSWORD):
            pass


@pytest.mark.parametrize("year", ["0", "-1", "10000", "1" * 5000, "9999", "soon"])
async def test_a_time_that_does_not_exist_is_an_error_of_the_monitor(device: OnvifDevice, year: str):
    time = (
        "<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime><tt:UTCDateTime><tt:Time><tt:Hour>1</tt:Hour>"
        "<tt:Minute>1</tt:Minute><tt:Second>1</tt:Second></tt:Time><tt:Date>"
        f"<tt:Year>{year}</tt:Year><tt:Month>1</tt:Month><tt:Day>1</tt:Day></tt:Date></tt:UTCDateTime>"
        "</tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse>"
    )
    device.mischief = lambda name: Response(in_envelope(time), 200) if name == "GetSystemDateAndTime" else None
    with pytest.raises(OnvifError, match="it tells"):
        async with opened(at(device), PASSWORD):
            pass


async def test_names_of_presets_write_nothing_onto_a_terminal_but_themselves(device: OnvifDevice):
    presets = (
        '<tptz:GetPresetsResponse><tptz:Preset token="{}"><tt:Name>red&#10;&#8238;der</tt:Name></tptz:Preset>'
        "</tptz:GetPresetsResponse>"
    )
    device.mischief = lambda name: Response(in_envelope(presets.format("p")), 200) if name == "GetPresets" else None
    async with opened(at(device), PASSWORD) as camera:
        assert [preset.name for preset in await camera.presets()] == ["red\ufffd\ufffdder"]
        device.mischief = lambda _: Response(in_envelope(presets.format("a&#8238;b")), 200)
        with pytest.raises(OnvifError, match="token"):
            await camera.presets()


async def test_a_camera_in_https_is_known_by_its_fingerprint_or_its_authority_and_not_trusted_otherwise(tmp_path: Path):
    own, other = camera_certificate(tmp_path, "own"), camera_certificate(tmp_path, "other")
    with OnvifDevice({"departures": DEPARTURES}, own.tls) as device:
        for good in ({"fingerprint": own.fingerprint}, {"authority": own.certificate}):
            async with opened(at(device).model_copy(update=good), PASSWORD) as camera:
                assert [preset.name for preset in await camera.presets()] == ["departures"]
        told = len(device.asked)
        for bad in ({}, {"fingerprint": other.fingerprint}, {"authority": other.certificate}):
            with pytest.raises(OnvifError, match="certificate is not trusted") as raised:
                async with opened(at(device).model_copy(update=bad), PASSWORD):
                    pass
            assert PASSWORD not in str(raised.value)
        assert len(device.asked) == told, "it was told something before its certificate was looked at"


async def test_an_authority_speaks_for_the_name_that_it_has_signed_only(tmp_path: Path):
    elsewhere = camera_certificate(tmp_path, address="127.0.0.2")
    with OnvifDevice({"departures": DEPARTURES}, elsewhere.tls) as device:
        with pytest.raises(OnvifError, match="certificate is not trusted"):
            async with opened(at(device).model_copy(update={"authority": elsewhere.certificate}), PASSWORD):
                pass
        assert device.asked == []

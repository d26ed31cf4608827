"""The camera client's settings: a TOML file, environment variables `CEKALWATCH_CAMERA_…`, command line options.

`camera_id` and `source` describe one camera. Several cameras are `[[cameras]]`: each has a `camera_id`, a `source`, and
its own values of CameraOptions; other values come from the top level.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import time
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import platformdirs
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from cekalwatch.camera.outbox.spool import SpoolTerms
from cekalwatch.camera.sources.opencv import Transport
from cekalwatch.program.connection import ClientSettings, certificate_name
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.settings import SHIPPED_PACKS, on_this_machine
from cekalwatch.program.traces import TraceTerms
from cekalwatch.vision.region import Region
from cekalwatch.wire.tls import TlsFiles

_CLOCK = r"([01]\d|2[0-3]):[0-5]\d"
Hours = Annotated[str, Field(pattern=rf"^{_CLOCK}-({_CLOCK}|24:00)$")]
"""A part of the day, HH:MM-HH:MM; one that ends before it begins goes over midnight."""
MIN_STAY_S: Final = 15.0
"""A shorter stay is not judged, and shows nobody well."""

OF_THE_DEVICE: Final = (
    *("user", "password_file", "fingerprint", "authority"),
    "trust_preset_without_feedback",
)
"""Settings that all keys of one camera share."""


def _digits(fingerprint: str) -> str:
    return fingerprint.replace(":", "").lower()


class Turnable(BaseModel):
    """A camera that can be turned, through ONVIF, and the preset at which this camera key watches."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    address: Annotated[str, Field(pattern=r"^https?://[^/@\s]+$")]
    """https://HOST or https://HOST:PORT, without a password; http:// for a camera without TLS: anybody on
    the network between can then fake its position."""
    fingerprint: Annotated[str, Field(pattern=r"^([0-9A-Fa-f]{2}:?){32}$"), AfterValidator(_digits)] | None = None
    """SHA-256 of the camera's own certificate, 64 hexadecimal digits; for https, and certificates that no authority
    has signed."""
    authority: Path | None = None
    """PEM file of the authority that signs the office's cameras, for https; without this and `fingerprint`, the
    authorities that this machine trusts."""
    user: Annotated[str, Field(min_length=1)]
    """The ONVIF user."""
    password_file: Path | None = None
    """File that holds the ONVIF user's password and nothing else; when not set, `ptz_password` counts."""
    preset: Annotated[str, Field(min_length=1)]
    """Name or token of the preset in the camera."""
    trust_preset_without_feedback: bool = False
    """For a camera that answers but does not report its position: send under the key of the preset to which this
    program last turned it, from `turn_seconds` later on. If somebody turns it in another way, captures go under a wrong
    key."""
    settle_seconds: Annotated[float, Field(ge=0, le=30)] = 1.5
    """Seconds after the camera came to rest at the preset before anything is sent: its pictures come late."""
    turn_seconds: Annotated[float, Field(ge=1, le=120)] = 20.0
    """Most seconds for a turn. After that the camera is reported, and the tour continues."""
    stay_seconds: Annotated[float, Field(ge=MIN_STAY_S, le=86_400)] | None = None
    """Makes this preset part of the camera's tour: seconds for which it stays here. The tour has the camera's presets
    in the order of their keys in this file. When not set, the camera comes here only when a person turns it."""
    hours: tuple[Hours, ...] = ()
    """When the counter below this preset is open, as "05:30-11:00", by the host's clock and `time_zone`: the tour
    leaves it out at other times. Empty: always."""
    wait_seconds: Annotated[float, Field(ge=0, le=600)] = 20.0
    """Most seconds for which the tour waits for people who pass before it leaves this preset."""

    @model_validator(mode="after")
    def _hours_have_a_length(self) -> Self:
        for hours in self.hours:
            begin, end = _times(hours)
            if begin == end:
                raise ValueError(f"{hours} begins when it ends; leave `hours` out for the whole day")
        if self.hours and self.stay_seconds is None:
            raise ValueError("`hours` is for a tour: set `stay_seconds` too")
        return self

    @property
    def mount(self) -> str:
        """HOST:PORT, which is the same for all keys of one camera."""
        address = urlsplit(self.address)
        return f"{address.hostname}:{address.port or (443 if address.scheme == 'https' else 80)}"

    def open_at(self, at: time) -> bool:
        """Whether the counter below this preset is open at this time of day."""
        return not self.hours or any(_holds(*_times(hours), at) for hours in self.hours)


def _times(hours: str) -> tuple[time, time]:
    begin, end = hours.replace("24:00", "00:00").split("-")
    return time.fromisoformat(begin), time.fromisoformat(end)


def _holds(begin: time, end: time, at: time) -> bool:
    return begin <= at < end if begin < end else at >= begin or at < end


DEFAULT_TLS_DIR = Path(platformdirs.user_data_dir("cekalwatch-camera", appauthor=False)) / "tls"

DEFAULT_DETECTOR = Path(platformdirs.user_data_dir("cekalwatch-server", appauthor=False)) / "models" / "standard"
SYSTEM_DETECTORS = (
    *(Path("/var/lib") / name / "models" / "standard" for name in ("cekalwatch", "cekalwatch-camera")),
    SHIPPED_PACKS / "standard",
)
"""Where a service has its model pack, and where a package puts it."""

OLD_NAMES: Final[Mapping[str, str]] = {
    "receipts_wait_s": "receipts_wait_seconds",
    "spill_after_s": "spill_after_seconds",
    "track_miss_s": "track_miss_seconds",
    "cameras.track_miss_s": "track_miss_seconds",
    "ptz.settle_s": "settle_seconds",
    "ptz.turn_s": "turn_seconds",
    "ptz.stay_s": "stay_seconds",
    "ptz.wait_s": "wait_seconds",
    "cameras.ptz.settle_s": "settle_seconds",
    "cameras.ptz.turn_s": "turn_seconds",
    "cameras.ptz.stay_s": "stay_seconds",
    "cameras.ptz.wait_s": "wait_seconds",
}
"""What settings were called in 0.2.0, as `cekalwatch.program.setting_names` says."""

CameraId = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$")]
Source = Annotated[str, Field(min_length=1)]


def _zone(name: str) -> str:
    try:
        ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError(f"{name!r} is no time zone of the IANA list; WIB is Asia/Jakarta") from None
    return name


def _region(corners: tuple[tuple[float, float], ...] | None) -> tuple[tuple[float, float], ...] | None:
    if corners is not None:
        Region(corners)
    return corners


class CameraOptions(BaseModel):
    """What each camera can have of its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    realtime: bool = False
    """Read a file at its own pace, as a camera would give it, instead of as fast as possible."""
    rtsp_transport: Transport = Transport.TCP
    """How a network camera sends its pictures: tcp or udp."""
    rtsps_authority: Path | None = None
    """PEM file of the certificate of an `rtsps://` camera, which needs it. An authority's file works too, but names
    are not compared: each camera that it has signed could then impersonate another."""
    source_user: str = ""
    """User of a network camera, when `source` has none in it."""
    source_password_file: Path | None = None
    """File that holds the password of `source_user` and nothing else, as `init` writes it (docs/camera.md)."""
    device_size: Literal["480p", "720p", "1080p"] = "720p"
    """Size of the picture that is requested from a device; it uses the nearest size that it has."""
    detector: Path = DEFAULT_DETECTOR
    """Folder of a model pack, or an SCRFD or YuNet network (.onnx). When not set, also looked for in `models/standard`
    of /var/lib/cekalwatch and /var/lib/cekalwatch-camera, and where the package `cekalwatch-models` puts it."""
    region: Annotated[tuple[tuple[float, float], ...] | None, AfterValidator(_region)] = None
    """The part of the picture in which faces are detected; the whole picture when not set. Corners, each with x and y
    from 0 to 1 from the left and the top: two of a rectangle, or three and more of a polygon."""
    detect_every: Annotated[int, Field(ge=1, le=100)] = 1
    """Detect faces in one of this many frames. Frames without a change are skipped in any case."""
    search_whole_seconds: Annotated[float, Field(ge=0, le=1)] = 0.4
    """Longest time in seconds without a search of the whole picture while something moves or somebody is in view. In
    between, faces are searched for only where something moves, and known faces where they are expected. 0: the whole
    picture each time, which costs up to twice as much processor time. Only a model pack can search parts."""
    track_miss_seconds: Annotated[float, Field(gt=0, le=30)] = 1.0
    """Seconds for which a face may be hidden before its passage is over."""
    outbox_size: Annotated[int, Field(ge=1, le=10_000)] = 256
    """How many crops may wait in memory for a receipt; a crop has 10 to 200 kB."""
    ptz: Turnable | None = None
    """For a camera that can be turned. Each preset at which it watches is a camera_id of its own."""


class OneCamera(CameraOptions):
    """One camera: an entry of `[[cameras]]`, or the camera that the top of the file states."""

    camera_id: CameraId
    """Name of this camera in the server's configuration."""
    source: Source
    """Video file, folder of pictures, device number or rtsp:// address."""
    tls_dir: Path = DEFAULT_TLS_DIR
    """Folder of this camera's own certificate; when not set, the folder `camera_id` below the common `tls_dir`."""


class CameraSettings(ClientSettings, CameraOptions):
    """Every setting of `cekalwatch-camera`, with its default."""

    model_config = SettingsConfigDict(env_prefix="CEKALWATCH_CAMERA_")
    old_names = OLD_NAMES

    camera_id: CameraId | None = None
    """Name of this camera in the server's configuration; when not set, the name in the certificate in `tls_dir`."""
    source: Source | None = None
    """Video file, folder of pictures, device number or rtsp:// address."""
    cameras: tuple[OneCamera, ...] = ()
    """Several cameras, instead of `camera_id` and `source`."""
    tls_dir: Path = DEFAULT_TLS_DIR
    """Folder with certificate.pem, key.pem and authority.pem; of several cameras, each has a folder below it. While it
    does not exist, plaintext is spoken, and only to a server on this machine."""
    threads: Annotated[int, Field(ge=1, le=64)] = 1
    """Native threads for detection and image work, for each camera."""
    receipts_wait_seconds: Annotated[float, Field(gt=0, le=3600)] = 30.0
    """With a file: seconds for which crops may wait without a receipt before the client gives up. For a server that
    is not running yet it waits like a camera."""
    spool_dir: Path = Path(platformdirs.user_state_dir("cekalwatch-camera", appauthor=False)) / "spool"
    """Folder in which crops that have no receipt in time wait, encrypted; each camera has a folder below it."""
    spool_key: Path = Path(platformdirs.user_config_dir("cekalwatch-camera", appauthor=False)) / "spool.key"
    """File with the key that encrypts them; it is made at the first start, and others must not be able to read it."""
    spool_mb: Annotated[int, Field(ge=1, le=100_000)] = 256
    """Megabytes of crops that each camera may keep on the disk."""
    spool_hours: Annotated[float, Field(gt=0, le=24)] = 4.0
    """Hours that a crop may wait for a receipt; then it is dropped, wherever it is."""
    spill_after_seconds: Annotated[float, Field(ge=0.1, le=60)] = 1.5
    """Seconds after which a crop without a receipt is written to the disk."""
    ptz_password: SecretStr | None = None
    """Password of `ptz` users that have no password_file. Meant for the environment; there is no option for it."""
    ptz_dir: Path = Path(platformdirs.user_state_dir("cekalwatch-camera", appauthor=False)) / "ptz"
    """Folder in which `turn` records to which preset a person turned a camera; the account of the service must be able
    to read it."""
    time_zone: Annotated[str, AfterValidator(_zone)] = ""
    """Time zone of the IANA list in which `hours` of tours are given, as Asia/Jakarta; empty: this machine's."""
    metrics_listen: Annotated[str, AfterValidator(on_this_machine)] = ""
    """HOST:PORT on this machine where Prometheus reads metrics, for example 127.0.0.1:9464; when empty, none are
    served."""
    traces: TraceTerms = TraceTerms()
    """Traces of captures (docs/monitoring.md)."""

    @model_validator(mode="after")
    def _one_or_several(self) -> Self:
        if self.cameras and (self.camera_id or self.source):
            raise ValueError("give camera_id and source, or [[cameras]], not both")
        twice = [key for key, times in Counter(one.camera_id for one in self.cameras).items() if times > 1]
        if twice:
            raise ValueError(f"[[cameras]] has {', '.join(twice)} more than once; each needs a camera_id of its own")
        of_the_device = f"{', '.join(OF_THE_DEVICE[:-1])} and {OF_THE_DEVICE[-1]}"
        for mount, keys in self.mounts(self.cameras).items():
            if len({tuple(getattr(one, name) for name in OF_THE_DEVICE) for one in keys.values()}) > 1:
                raise ValueError(f"{', '.join(keys)} are the camera at {mount}: give them the same {of_the_device}")
        return self

    @property
    def spool_terms(self) -> SpoolTerms:
        return SpoolTerms(
            self.spool_dir, self.spool_key, self.spool_mb * 1_000_000, self.spool_hours * 3600, self.spill_after_seconds
        )

    @property
    def zone(self) -> ZoneInfo | None:
        """The time zone of tours; None is the machine's."""
        return ZoneInfo(self.time_zone) if self.time_zone else None

    @staticmethod
    def mounts(cameras: Iterable[OneCamera]) -> dict[str, dict[str, Turnable]]:
        """Return the cameras that can be turned, by HOST:PORT, and what each of their keys has, in their order."""
        found: dict[str, dict[str, Turnable]] = {}
        for one in cameras:
            if one.ptz:
                found.setdefault(one.ptz.mount, {})[one.camera_id] = one.ptz
        return found

    def each(self) -> tuple[OneCamera, ...]:
        """Return the cameras, with what the top says where they say nothing; raises ProgramError when there is none."""
        common = {name: getattr(self, name) for name in CameraOptions.model_fields}
        if self.detector == DEFAULT_DETECTOR and not self.detector.exists():
            # On a machine that is the server too, the server's own folder is closed to this account.
            common["detector"] = next((one for one in SYSTEM_DETECTORS if os.access(one, os.X_OK)), self.detector)
        if self.source:
            if not (camera_id := self.camera_id or certificate_name(self.tls_dir)):
                raise ProgramError(
                    f"Wrong settings: camera_id is needed, since there is no certificate with a name in {self.tls_dir}",
                    Exit.CONFIG,
                )
            own = self.tls_dir / camera_id
            tls_dir = own if own.is_dir() and not TlsFiles(self.tls_dir).certificate.exists() else self.tls_dir
            return (OneCamera(camera_id=camera_id, source=self.source, tls_dir=tls_dir, **common),)
        if not self.cameras:
            raise ProgramError(
                "Wrong settings: a source is needed, or [[cameras]] with a camera_id and a source each", Exit.CONFIG
            )
        return tuple(_filled(one, common | {"tls_dir": self.tls_dir / one.camera_id}) for one in self.cameras)


def _filled(one: OneCamera, common: Mapping[str, object]) -> OneCamera:
    return one.model_copy(update={name: common[name] for name in common.keys() - one.model_fields_set})

"""The server's settings: a TOML file, environment variables `CEKALWATCH_SERVER_…`, command line options."""

from __future__ import annotations

import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import platformdirs
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_settings import SettingsConfigDict

from cekalwatch.program.connection import follow
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.settings import Settings
from cekalwatch.server.alerts.retention import Keeping
from cekalwatch.server.auth.sign_in_terms import OpenIdTerms, ProviderAddressError, SessionTerms
from cekalwatch.server.domain.checkpoints import Camera, LegalParameters
from cekalwatch.server.domain.handling import DEFAULT_REFERENCE_PATTERN, HandlingPolicy
from cekalwatch.server.encryption.master_key_source import MasterKeySource, parse_source
from cekalwatch.server.gallery.row_format import GalleryStorage
from cekalwatch.server.settings.watchlist_source import WatchlistEntry
from cekalwatch.wire.address import address_form, is_loopback
from cekalwatch.wire.tls import FollowedTls, TlsError, require_private
from cekalwatch.wire.vocabulary.orders import Direction

Key = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$")]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError(f"{name!r} is no time zone of the IANA list; WIB is Asia/Jakarta") from None
    return name


def _address_or_none(address: str) -> str:
    return address_form(address) if address else ""


def _master_key_source(text: str) -> str:
    if text:
        parse_source(text)
    return text


def _pattern(expression: str) -> str:
    try:
        re.compile(expression)
    except re.error as error:
        raise ValueError(f"no regular expression: {error}") from None
    return expression


class SiteEntry(_Section):
    """A port or terminal. Its local clock decides which orders are in force."""

    site: Key
    time_zone: Annotated[str, AfterValidator(_known_zone)] = "Asia/Jakarta"

    @property
    def zone(self) -> ZoneInfo:
        """The time zone itself."""
        return ZoneInfo(self.time_zone)


class CameraEntry(_Section):
    """A camera that may connect."""

    camera_id: Key
    site: Key
    counter: Annotated[str, Field(min_length=1, max_length=64)]
    direction: Direction

    def camera(self) -> Camera:
        """Return the domain's form."""
        return Camera(self.camera_id, self.site, self.counter, self.direction)


class CapturePolicyEntry(_Section):
    """What cameras may send; see `CapturePolicy` in the contract."""

    min_eye_distance_px: Annotated[float, Field(ge=8, le=1000)] = 32.0
    max_yaw_degrees: Annotated[float, Field(gt=0, le=90)] = 40.0
    max_pitch_degrees: Annotated[float, Field(gt=0, le=90)] = 45.0
    """Wider than the 15 degrees that recognition wants: from five landmarks, a laugh reads as a nod of up to 40."""
    max_crops_per_track: Annotated[int, Field(ge=1, le=20)] = 5
    jpeg_quality: Annotated[int, Field(ge=50, le=100)] = 85
    """Crops of 90 are a quarter larger, and are recognised no better (benchmarks/camera/crops.py)."""
    min_detector_score: Annotated[float, Field(ge=0, le=1)] = 0.7


class LegalEntry(_Section):
    """The figures of immigration law; see `LegalParameters` for what each means."""

    cegah_months: Annotated[int, Field(ge=1, le=240)] = 6
    cegah_extensions: Annotated[int, Field(ge=0, le=20)] = 1
    extension_months: Annotated[int, Field(ge=1, le=240)] = 6
    extension_notice_days: Annotated[int, Field(ge=0, le=365)] = 3
    urgent_days: Annotated[int, Field(ge=0, le=365)] = 20
    home_nationality: Annotated[str, Field(pattern="^[A-Z]{3}$")] = "IDN"

    def parameters(self) -> LegalParameters:
        """Return the domain's form."""
        return LegalParameters(**self.model_dump())


class OpenIdEntry(_Section):
    """The OpenID Connect provider through which people may sign in."""

    issuer: Annotated[str, Field(min_length=1, max_length=512)]
    """Its URL, as its metadata states it; https, except on this machine."""
    client_id: Annotated[str, Field(min_length=1, max_length=256)]
    client_secret_file: Path | None = None
    """File with the client's secret, which nobody else may read; none for a public client."""
    claim: Annotated[str, Field(min_length=1, max_length=64)] = "preferred_username"
    """The claim that is a sign-in name known here. People must not be able to choose its value themselves."""
    authorities: Path | None = None
    """PEM file of the authorities that sign the provider's certificate; those of the system when not set."""

    def terms(self) -> OpenIdTerms:
        """Return the provider's form; raises ProgramError."""
        try:
            if self.client_secret_file:
                require_private(self.client_secret_file)
            secret = self.client_secret_file.read_text("utf-8").strip() if self.client_secret_file else None
            return OpenIdTerms(self.issuer, self.client_id, secret, self.claim, self.authorities)
        except (TlsError, ProviderAddressError, UnicodeDecodeError) as error:
            raise ProgramError(f"Wrong settings: openid: {error}", Exit.CONFIG) from None


class ServerSettings(Settings):
    """Every setting of `cekalwatch-server`, with its default."""

    model_config = SettingsConfigDict(env_prefix="CEKALWATCH_SERVER_")

    listen: Annotated[str, AfterValidator(address_form)] = "127.0.0.1:50051"
    """Address of the gRPC server; port 0 lets the system choose, and the log tells."""
    tls_dir: Path | None = None
    """Folder with certificate.pem, key.pem and authority.pem; `data_dir`/tls when not set. While it does not exist,
    plaintext is spoken, and only on this machine."""
    pki_dir: Path | None = None
    """Folder of the site's own authority; `data_dir`/pki when not set."""
    revocations: Path | None = None
    """Revocation lists (PEM) of the authorities in authority.pem; revoked.pem of `pki_dir` when not set."""
    enrolment_listen: Annotated[str, AfterValidator(_address_or_none)] = ""
    """Address at which devices with an invitation enrol, another port than `listen`; empty: none do."""
    data_dir: Path = Path(platformdirs.user_data_dir("cekalwatch-server", appauthor=False))
    """Database and model packs, unless they are set apart."""
    database_url: str = ""
    """SQLAlchemy address; empty means SQLite in `data_dir`."""
    master_key_from: Annotated[str, AfterValidator(_master_key_source)] = ""
    """Where the key is that opens the database: "file:PATH", "env:NAME" or "command:PROGRAM ARGUMENTS". Empty means the
    file `data_dir`/master.key, which is made at first start."""
    models_dir: Path | None = None
    """Where model packs are; `data_dir`/models when not set."""
    model_pack: str = "starter"
    """Name of the model pack in use."""
    inference: Annotated[str, Field(pattern="^(onnxruntime|openvino)$")] = "onnxruntime"
    """What computes templates; openvino needs the extra [openvino]."""
    gallery_storage: GalleryStorage = GalleryStorage.FP16
    """How the gallery keeps templates in memory: fp16, or float32 in twice the memory and time. Both are searched
    exactly, and their scores differ by less than 0.001."""
    threads: Annotated[int, Field(ge=1, le=256)] = os.cpu_count() or 1
    """Native threads that inference, image work and search share."""
    wanted_fpir: Annotated[float, Field(ge=1e-6, le=0.1)] = 1e-3
    """Share of passages of people who are not listed that may alert. The threshold follows from it and the list's size.
    At 1e-4 the starter pack misses two to three times as many (docs/starter-pack.md): set that with a stronger pack."""
    threshold: Annotated[float, Field(gt=-1, lt=1)] | None = None
    """Decision threshold; when not set, the pack's own for `wanted_fpir` and the size of the gallery."""
    sites: Annotated[tuple[SiteEntry, ...], Field(min_length=1)] = (SiteEntry(site="batam-center"),)
    cameras: tuple[CameraEntry, ...] = ()
    capture_policy: CapturePolicyEntry = CapturePolicyEntry()
    credits: Annotated[int, Field(ge=1, le=1000)] = 32
    """Faces of one camera that may be under way at once."""
    heartbeat_period_s: Annotated[float, Field(gt=0, le=300)] = 5.0
    handshake_s: Annotated[float, Field(gt=0, le=60)] = 10.0
    """How long a camera may take to say hello."""
    grouping_window_s: Annotated[float, Field(ge=0, le=86_400)] = 600.0
    """How long later sightings of a subject at a site join its alert."""
    passage_idle_s: Annotated[float, Field(gt=0, le=3600)] = 60.0
    """How long the templates of a passage stay in memory after its last crop."""
    keep_alive_period_s: Annotated[float, Field(gt=0, le=300)] = 10.0
    reader_stall_s: Annotated[float, Field(gt=0, le=3600)] = 30.0
    """How long a client may leave unread what a stream brings it."""
    import_stall_s: Annotated[float, Field(gt=0, le=3600)] = 30.0
    """How long an import may wait for its client's next message."""
    import_record_s: Annotated[float, Field(gt=0, le=86_400)] = 300.0
    """How long the photographs of one record may take to arrive."""
    watchlist: WatchlistEntry = WatchlistEntry()
    """Where the watchlist comes from; docs/connect-cekal.md."""
    freshness_limit_h: Annotated[float, Field(gt=0, le=8760)] = 24.0
    """Age of the last import or synchronisation after which notifiers show the watchlist as stale."""
    legal: LegalEntry = LegalEntry()
    """What the law allows; orders that go beyond it never alert."""
    event_retention_days: Annotated[int, Field(ge=1, le=36_500)] = 365
    """How long the event log goes back for agents that resume."""
    cleared_image_retention_h: Annotated[float, Field(gt=0, le=23)] = 12.0
    """How long images of an alert are kept after it was cleared; they are gone within 24 hours in any case."""
    confirmed_image_retention_days: Annotated[int, Field(ge=1, le=36_500)] = 90
    """How long images of an alert are kept after it was confirmed."""
    claim_lease_s: Annotated[float, Field(ge=10, le=3600)] = 90.0
    """How long an officer's claim holds without being renewed."""
    escalate_after_s: Annotated[float, Field(ge=5, le=3600)] = 60.0
    """How long an alert waits to be claimed before it goes to the supervisors, and as long again to the whole site."""
    late_after_s: Annotated[float, Field(gt=0, le=86_400)] = 60.0
    """A sighting that comes in so long after its capture marks its alert as late: the traveller may have gone on."""
    cekal_online_reference: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_pattern)] = (
        DEFAULT_REFERENCE_PATTERN
    )
    """Regular expression of a reference number of Cekal Online, the whole of it."""
    session_lifetime_h: Annotated[float, Field(gt=0, le=24)] = 12.0
    """How long a person stays signed in, however busy."""
    session_idle_min: Annotated[float, Field(gt=0, le=480)] = 15.0
    """How long a person stays signed in without doing anything."""
    openid: OpenIdEntry | None = None
    """The identity provider through which people may sign in, besides passwords."""
    log_level: Annotated[str, Field(pattern="^(debug|info|warning|error)$")] = "info"

    @model_validator(mode="after")
    def _consistent(self) -> ServerSettings:
        known: set[str] = set()
        for entry in self.sites:
            if entry.site in known:
                raise ValueError(f"site {entry.site!r} is listed twice")
            known.add(entry.site)
        seen: set[str] = set()
        for camera in self.cameras:
            if camera.site not in known:
                raise ValueError(f"camera {camera.camera_id!r} is at site {camera.site!r}, which `sites` does not list")
            if camera.camera_id in seen:
                raise ValueError(f"camera {camera.camera_id!r} is listed twice")
            seen.add(camera.camera_id)
        return self

    @property
    def home(self) -> SiteEntry:
        """The first site: what counts where none is named."""
        return self.sites[0]

    @property
    def database_address(self) -> str:
        """The SQLAlchemy address in use."""
        return self.database_url or f"sqlite:///{self.data_dir / 'cekalwatch.sqlite3'}"

    @property
    def audit_key_file(self) -> Path:
        """The key that signs checkpoints of the audit trail."""
        return self.data_dir / "audit_key.pem"

    @property
    def master_key_source(self) -> MasterKeySource:
        """Where the master key comes from."""
        return parse_source(self.master_key_from or f"file:{self.data_dir / 'master.key'}")

    @property
    def handling_policy(self) -> HandlingPolicy:
        """The times of an alert's life."""
        return HandlingPolicy(
            timedelta(seconds=self.claim_lease_s),
            timedelta(seconds=self.escalate_after_s),
            self.cekal_online_reference,
        )

    @property
    def keeping(self) -> Keeping:
        """How long what is kept for."""
        return Keeping(
            timedelta(days=self.event_retention_days),
            timedelta(hours=self.cleared_image_retention_h),
            timedelta(days=self.confirmed_image_retention_days),
        )

    @property
    def session_terms(self) -> SessionTerms:
        """How long people stay signed in."""
        return SessionTerms(timedelta(hours=self.session_lifetime_h), timedelta(minutes=self.session_idle_min))

    @property
    def tls_path(self) -> Path:
        """The folder of the server's certificate."""
        return self.tls_dir or self.data_dir / "tls"

    @property
    def pki_path(self) -> Path:
        """The folder of the site's authority."""
        return self.pki_dir or self.data_dir / "pki"

    def tls(self) -> FollowedTls | None:
        """Return the server's certificate; None means plaintext, which only loopback may have. Raises ProgramError."""
        tls = follow(self.tls_path)
        if tls is None and not is_loopback(self.listen):
            raise ProgramError(
                f"{self.listen} can be reached from other machines, and there is no certificate in {self.tls_path}: "
                "make one with `cekalwatch-server pki init` and `pki issue --role server`",
                Exit.CONFIG,
            )
        if tls is None and self.enrolment_listen:
            raise ProgramError(f"Devices cannot enrol without a certificate in {self.tls_path}", Exit.CONFIG)
        return tls

    @property
    def models_path(self) -> Path:
        """The folder of model packs in use."""
        return self.models_dir or self.data_dir / "models"

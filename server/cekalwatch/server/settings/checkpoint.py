"""The checkpoint: its sites, its cameras, the figures of the law, its watchlist, and how faces are recognised there."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from cekalwatch.contract.values.capture_policy import CapturePolicy
from cekalwatch.program.settings import SECTION, Settings
from cekalwatch.server.domain.checkpoints import Camera, LegalParameters, Site
from cekalwatch.server.domain.syncs import SyncTerms
from cekalwatch.server.gallery.row_format import GalleryStorage
from cekalwatch.server.learning.learned_threshold import LearningBounds
from cekalwatch.server.settings.storage import StorageSection
from cekalwatch.server.watchlist.sources.opening import SourceSettings
from cekalwatch.vision.inference import InferenceChoice, InferenceEngine, Precision


class CheckpointSection(Settings):
    """Sites, cameras with their streams of captures, and law."""

    sites: Annotated[tuple[Site, ...], Field(min_length=1)] = (Site("batam-center"),)
    """The ports or terminals that this server serves. The first one is the default."""
    cameras: tuple[Camera, ...] = ()
    """The cameras that may connect."""
    legal: LegalParameters = LegalParameters()
    """Figures of the law that replace those of its table (docs/watchlist-folder.md). Deprecated, but for
    `home_nationality` and `cegah_gap_days`."""
    capture_policy: CapturePolicy = CapturePolicy()
    """Limits of a camera's captures, unless its own `capture_policy` differs."""
    credits: Annotated[int, Field(ge=1, le=1000)] = 32
    """Faces of one camera that may wait at once to be taken in, at most; fewer while the server is busy."""
    receipt_delay_seconds: Annotated[float, Field(ge=0.01, le=5)] = 0.5
    """Seconds after which a capture gets its receipt, or a whole multiple when the server is busier, and up to 0.02
    more, so that those of one moment leave together. It hides how long an alert takes, and must be longer than that."""
    heartbeat_period_seconds: Annotated[float, Field(gt=0, le=300)] = 5.0
    """Seconds between heartbeats of a camera; a camera that misses three is gone."""
    handshake_seconds: Annotated[float, Field(gt=0, le=60)] = 10.0
    """Seconds that a camera may take to say hello."""
    passage_idle_seconds: Annotated[float, Field(gt=0, le=3600)] = 60.0
    """Seconds for which the templates of a passage stay in memory after its last crop."""

    @property
    def home(self) -> Site:
        """The first site, which is the default."""
        return self.sites[0]

    @property
    def law(self) -> Mapping[str, str]:
        """What decides about orders, by the names of the settings: the figures, and the time zone of each site."""
        figures = {f"legal.{name}": str(value) for name, value in asdict(self.legal).items()}
        return figures | {f"sites.{site.site}": site.time_zone for site in self.sites}

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _refuse_twice("site", [entry.site for entry in self.sites])
        known = {entry.site for entry in self.sites}
        for camera in self.cameras:
            if camera.site not in known:
                raise ValueError(f"camera {camera.camera_id!r} is at site {camera.site!r}, which `sites` does not list")
        _refuse_twice("camera", [camera.camera_id for camera in self.cameras])
        return self


def _refuse_twice(what: str, keys: list[str]) -> None:
    for key, times in Counter(keys).items():
        if times > 1:
            raise ValueError(f"{what} {key!r} is listed twice")


def _processor_cores() -> int:
    return os.cpu_count() or 1


class RecognitionSection(StorageSection):
    """Model pack, gallery and threshold."""

    models_dir: Path | None = None
    """Folder of the model packs; when not set, `data_dir`/models."""
    model_pack: str = "standard"
    """Name of the model pack in use."""
    inference: InferenceEngine = InferenceEngine.AUTO
    """Engine that computes templates: openvino or onnxruntime on the processor, cuda on an NVIDIA GPU (extra [cuda]),
    or auto: openvino if it is installed, otherwise onnxruntime. A named engine that cannot be used is an error."""
    precision: Precision = Precision.AUTO
    """Precision of the numbers: f32, bf16 (openvino, if the processor has it), or auto: bf16 if it is faster and leaves
    templates as they are, otherwise f32."""
    gallery_storage: GalleryStorage = GalleryStorage.FP16
    """How the gallery keeps templates in memory: fp16, or float32 in twice the memory and time. Both are searched
    exactly, and their scores differ by less than 0.001."""
    threads: Annotated[int, Field(ge=1, le=256)] = Field(default_factory=_processor_cores)
    """Native threads that inference, image work and search share; by default one for each processor core."""
    target_fpir: Annotated[float, Field(ge=1e-6, le=0.1)] = 1e-4
    """Share of passages of people who are not listed that may alert. The threshold follows from it and from the size of
    the list (docs/standard-pack.md says what the pack `standard` misses at which)."""
    threshold: Annotated[float, Field(gt=-1, lt=1)] | None = None
    """Comparison score from which a face is a possible match; when not set, the pack's own for `target_fpir` and the
    size of the gallery."""

    threshold_learning: LearningBounds = LearningBounds()
    """How the pack's threshold follows the passages of the site; see `docs/thresholds.md`."""

    @property
    def inference_choice(self) -> InferenceChoice:
        """The engine that computes templates, and its options."""
        return InferenceChoice(self.inference, self.precision)

    @property
    def models_path(self) -> Path:
        """The folder of model packs in use."""
        return self.models_dir or self.data_dir / "models"


@dataclass(frozen=True, kw_only=True, config=SECTION)
class WatchlistSettings:
    """Where the watchlist comes from."""

    source: SourceSettings | None = None
    """The application, database, folder or spreadsheet that has the list, by its `kind`. When not set, lists are
    imported by hand only."""
    sync: SyncTerms = SyncTerms()
    """When the watchlist is synchronised with its source, and when that asks people first."""


class WatchlistSection(Settings):
    """The watchlist's source, its freshness and imports."""

    watchlist: WatchlistSettings = WatchlistSettings()
    """Where the watchlist comes from (docs/connect-cekal.md)."""
    freshness_limit_hours: Annotated[float, Field(gt=0, le=8760)] = 24.0
    """Hours after the last synchronisation at which notifiers show the source as stale; where no source is configured,
    after the last import."""
    import_stall_seconds: Annotated[float, Field(gt=0, le=3600)] = 30.0
    """Seconds that an import may wait for its client's next message."""
    import_record_seconds: Annotated[float, Field(gt=0, le=86_400)] = 300.0
    """Seconds that the photographs of one record may take to arrive."""

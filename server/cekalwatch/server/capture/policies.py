"""What each camera may send, by the settings and by changes that people made. It knows no protobuf. Blocks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict

from cekalwatch.contract.values.capture_policy import (
    CameraPolicy,
    CapturePolicy,
    CapturePolicyChanges,
    SetPolicy,
    out_of_bounds,
)
from cekalwatch.server.audit.device_entries import device_entry
from cekalwatch.server.audit.entry import Action, Actor
from cekalwatch.server.domain.checkpoints import Camera
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.storage.cameras import CameraPolicyStore
from cekalwatch.wire.identity import DeviceRole, Identity

_NONE = CapturePolicyChanges()


class CameraPolicies:
    """The policies of all cameras. Any thread may use it."""

    def __init__(
        self,
        store: CameraPolicyStore,
        clock: Clock,
        of_settings: Mapping[str, CapturePolicy],
        tell: Callable[[Mapping[str, CapturePolicy]], None] = lambda _: None,
    ) -> None:
        """Read the changes; raises StorageError. `tell` gets the policies after each change."""
        self._store = store
        self._clock = clock
        self._of_settings = dict(of_settings)
        self._set = store.all()
        self._lock = threading.Lock()
        self._tell = tell

    @property
    def in_force(self) -> dict[str, CapturePolicy]:
        """What each camera may send, by its key."""
        return {name: self._applied(name, policy) for name, policy in self._of_settings.items()}

    def reload(self, of_settings: Mapping[str, CapturePolicy]) -> None:
        """Continue with other settings; changes by people stay."""
        self._of_settings.update(of_settings)
        self._tell(self.in_force)

    def follow(self) -> None:
        """Apply changes made at any server. Raises StorageError; then the present policies stay in force."""
        with self._lock:
            before, self._set = self._set, self._store.all()
            changed = before != self._set
        if changed:
            self._tell(self.in_force)

    def state(self, camera_id: str) -> CameraPolicy:
        """Return the present policy of a camera from the database; raises UNKNOWN_CAMERA, StorageError."""
        of_settings = self._of_settings.get(camera_id)
        if of_settings is None:
            raise CekalwatchError(Code.UNKNOWN_CAMERA)
        found = self._store.get(camera_id) or SetPolicy()
        in_force = found.changes.applied_to(of_settings)
        return CameraPolicy(camera_id=camera_id, in_force=in_force, of_settings=of_settings, **vars(found))

    def set(self, camera: Camera, changes: CapturePolicyChanges, number: int, actor: Actor) -> CameraPolicy:
        """Apply `changes` of the settings' policy to a camera from now on; a connected camera receives them at once.

        `number` is that of what is to be replaced, 0 for nothing. Raises POLICY_OUT_OF_BOUNDS, POLICY_CHANGED when
        somebody else was faster, StorageError when it cannot be recorded; then nothing is done.
        """
        if name := out_of_bounds(changes):
            raise CekalwatchError(Code.POLICY_OUT_OF_BOUNDS, name)
        before = self.state(camera.camera_id)
        now = self._clock.now()
        wanted = changes.applied_to(before.of_settings)
        identity = Identity(DeviceRole.CAMERA, camera.site, camera.camera_id)
        entry = device_entry(now, actor, Action.CAMERA_POLICY_SET, identity, _differences(before.in_force, wanted))
        if not self._store.set(
            camera.camera_id, SetPolicy(number=number + 1, changes=changes, before=before.changes, set_at=now), entry
        ):
            raise CekalwatchError(Code.POLICY_CHANGED)
        self.follow()
        return self.state(camera.camera_id)

    def _applied(self, camera_id: str, of_settings: CapturePolicy) -> CapturePolicy:
        found = self._set.get(camera_id)
        return found.changes.applied_to(of_settings) if found else of_settings


def _differences(before: CapturePolicy, after: CapturePolicy) -> dict[str, int | str]:
    """Return the record of a change: each figure that differs, before and after."""
    old, new = asdict(before), asdict(after)
    return {name: f"{old[name]:g} -> {new[name]:g}" for name in old if old[name] != new[name]}

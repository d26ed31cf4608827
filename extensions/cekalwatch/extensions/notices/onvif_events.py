"""The state of our cameras as property events of ONVIF, in the form in which ONVIF devices publish them over MQTT.

ONVIF Core Specification 25.12, "Event Broker": topics are PREFIX/onvif-ej/TOPIC/&SOURCE, the text is JSON with UtcTime,
Source and Data. The topics are those of the Imaging service, and SignalLoss. The source is the camera's key.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final

from cekalwatch.contract.values.alarms import AlarmKind
from cekalwatch.extensions.notices.domain import stamp
from cekalwatch.server.domain.alarms import StoredAlarm
from cekalwatch.server.foundation.clock import Clock

EVENTS: Final[Mapping[str, Collection[AlarmKind]]] = MappingProxyType(
    {
        "VideoSource/SignalLoss": {
            AlarmKind.CAMERA_DOWN,
            AlarmKind.CAMERA_NO_FRAMES,
            AlarmKind.CAMERA_REJECTED,
        },
        "VideoSource/ImageTooDark/ImagingService": {AlarmKind.CAMERA_DARK},
        "VideoSource/ImageTooBright/ImagingService": {AlarmKind.CAMERA_BLINDED},
        "VideoSource/ImageTooBlurry/ImagingService": {AlarmKind.CAMERA_DEFOCUSED},
        "VideoSource/GlobalSceneChange/ImagingService": {
            AlarmKind.CAMERA_COVERED,
            AlarmKind.CAMERA_MOVED,
            AlarmKind.CAMERA_NOT_AT_PRESET,
        },
    }
)
"""The alarms of a camera that each event stands for."""


class OnvifEvents:
    """Remembers since when each state is as it is."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since = dict[str, tuple[bool, datetime]]()

    def states(self, camera_id: str, alarms: Collection[StoredAlarm]) -> dict[str, str]:
        """Return the text of each topic, below the prefix of the camera's site. `alarms`: those that are open."""
        kinds = {one.condition.kind for one in alarms if one.condition.about == camera_id}
        found = dict[str, str]()
        for event, of in EVENTS.items():
            topic, state = f"onvif-ej/{event}/&{camera_id}", not kinds.isdisjoint(of)
            if (known := self._since.get(topic)) is None or known[0] is not state:
                known = self._since[topic] = state, self._clock.now()
            facts = {"UtcTime": stamp(known[1]), "Source": {"Source": camera_id}, "Data": {"State": state}}
            found[topic] = json.dumps(facts, separators=(",", ":"))
        return found

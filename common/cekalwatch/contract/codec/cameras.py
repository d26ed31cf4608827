"""Cameras, where they are."""

from __future__ import annotations

from cekalwatch.contract.engine.codec import Codec
from cekalwatch.contract.engine.enums import bound_enum
from cekalwatch.contract.values.cameras import CameraReference
from cekalwatch.contract.values.orders import Direction
from cekalwatch.v1 import camera_pb2

PLACE = Codec(CameraReference, camera_pb2.Camera)
DIRECTIONS = bound_enum(Direction, camera_pb2.Direction.DESCRIPTOR)

"""The calls about cameras that one server answers, or that have a value in them. Errors stay grpc.RpcError."""

from __future__ import annotations

import grpc

from cekalwatch.contract.calls import devices
from cekalwatch.contract.values.cameras import TakenPicture
from cekalwatch.office.client.refusals import error_reason
from cekalwatch.office.client.service_client import ServiceClient


class CameraClient(ServiceClient):
    """The calls of people who maintain cameras."""

    def picture(self, camera_id: str, *, watched: bool = False) -> TakenPicture:
        """Return the present picture of a camera, from the server to which it is connected.

        `watched`: for a screen that shows it for long; at most 10 s old.
        """
        return self.ask_holder(devices.GET_AIMING_PICTURE(camera_id=camera_id, watched=watched), _is_elsewhere)


def _is_elsewhere(error: grpc.RpcError) -> bool:
    return error_reason(error) == "CAMERA_ELSEWHERE"

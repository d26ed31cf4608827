from __future__ import annotations

import grpc

from cekalwatch.camera.uplink.uplink import RETRYABLE_STATUS, TERMINATING_STATUS


def test_every_status_is_either_retried_or_final() -> None:
    assert set(grpc.StatusCode) == RETRYABLE_STATUS | TERMINATING_STATUS
    assert not RETRYABLE_STATUS & TERMINATING_STATUS

"""Reads why the server refused a call."""

from __future__ import annotations

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status


def error_reason(error: grpc.RpcError) -> str:
    """Return the code of the error catalogue that came with `error`, or an empty text."""
    try:
        status = rpc_status.from_call(error)
    except ValueError:  # details that do not go with the status: as good as none
        return ""
    info = error_details_pb2.ErrorInfo()
    for detail in status.details if status else ():
        if detail.Unpack(info):
            return str(info.reason)
    return ""

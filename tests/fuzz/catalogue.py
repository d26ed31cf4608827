"""Every fuzz target, and what one input may cost it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tests.fuzz.limits import FuzzTarget

TARGETS: Mapping[str, FuzzTarget] = MappingProxyType(
    {
        "convert": FuzzTarget("tests.fuzz.targets:convert"),
        "pictures": FuzzTarget("tests.fuzz.targets:pictures", max_bytes=8192, cpu_s=2.0, memory_mb=250),
        "officer_picture": FuzzTarget("tests.fuzz.officer_targets:picture", max_bytes=8192),
        "watchlist": FuzzTarget("tests.fuzz.targets:watchlist_folder"),
        "page": FuzzTarget("tests.fuzz.targets:watchlist_page"),
        "spreadsheet": FuzzTarget("tests.fuzz.targets:watchlist_spreadsheet", max_bytes=8192, cpu_s=2.0),
        "list_archive": FuzzTarget("tests.fuzz.office_targets:list_archive", max_bytes=8192, cpu_s=2.0, memory_mb=250),
        "package": FuzzTarget("tests.fuzz.office_targets:package"),
        "port_report": FuzzTarget("tests.fuzz.office_targets:port_report"),
        "centre_list": FuzzTarget("tests.fuzz.office_targets:centre_list", max_bytes=8192),
        "console_form": FuzzTarget("tests.fuzz.office_targets:console_form"),
        "onvif": FuzzTarget("tests.fuzz.camera_targets:onvif_answer"),
        "rtsp": FuzzTarget("tests.fuzz.camera_targets:rtsp_stream", cpu_s=2.0, memory_mb=250),
        "revocations": FuzzTarget("tests.fuzz.certificate_targets:revocation_list", der=True),
        "certificate": FuzzTarget("tests.fuzz.certificate_targets:certificate", der=True),
        "request": FuzzTarget("tests.fuzz.request_targets:request"),
        "server_answer": FuzzTarget("tests.fuzz.answer_targets:server_answer"),
        "provider_answer": FuzzTarget("tests.fuzz.answer_targets:provider_answer"),
        "mqtt_broker": FuzzTarget("tests.fuzz.broker_targets:broker_answer"),
        "time_stamp": FuzzTarget("tests.fuzz.time_stamp_targets:time_stamp", der=True),
        "backup": FuzzTarget("tests.fuzz.file_targets:backup", max_bytes=8192),
        "invitation": FuzzTarget("tests.fuzz.file_targets:invitation"),
        "checkpoints": FuzzTarget("tests.fuzz.file_targets:checkpoints"),
        "law_file": FuzzTarget("tests.fuzz.file_targets:law_file"),
        "model_pack": FuzzTarget("tests.fuzz.file_targets:model_pack", max_bytes=8192),
        "enrolment": FuzzTarget("tests.fuzz.certificate_targets:enrolment_request", der=True),
    }
)

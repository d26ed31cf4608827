"""The keeping of devices: the authority is opened when something is asked of it, where this server has one."""

from __future__ import annotations

from collections.abc import Callable

from cekalwatch.server.cluster.peers import WholePresence
from cekalwatch.server.grpc_api.open_calls import OpenCalls
from cekalwatch.server.grpc_api.servicers.devices import DeviceServicer
from cekalwatch.server.pki.device_admin import DeviceOffice
from cekalwatch.server.pki.devices import DevicePlaces
from cekalwatch.server.pki.reached import reached_at
from cekalwatch.server.pki.site_pki import SitePki
from cekalwatch.server.wiring.context import Context


def open_devices(
    context: Context,
    whole: Callable[[], WholePresence],
    open_calls: OpenCalls,
    addresses: Callable[[], tuple[str, str]],
) -> DeviceServicer:
    """Return the service. `addresses`: where the server listens, and where devices enrol (empty: nowhere)."""
    settings = context.settings
    office = DeviceOffice(
        DevicePlaces(settings.sites, settings.cameras),
        lambda: SitePki.load(settings.pki_path, settings.authority_token),
        lambda: reached_at(settings.tls_path, *addresses()),
        context.stores.audit,
        context.clock,
    )
    return DeviceServicer(office, whole, open_calls)

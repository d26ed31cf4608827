"""How lists of alerts are read: a device's calls are limited by what they cost the server."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime

import pytest

from cekalwatch.contract.values.alerts import Alert, AlertFilter, AlertSearch
from cekalwatch.office.client.alert_client import AlertClient
from cekalwatch.server.auth.limits import CallLimits
from cekalwatch.wire.bounds import CHEAP_PAGE, MAX_PAGE
from cekalwatch.wire.calls import Calls
from cekalwatch.wire.dialer import Dialer
from cekalwatch.wire.identity import DeviceRole, Identity
from tests.support.builders.notifier_alerts import make_alert
from tests.support.fakes.alert_server import NOBODY


class PagedClient(AlertClient):
    """Reads a list that it holds itself."""

    def __init__(self, alerts: int) -> None:
        super().__init__(Calls(Dialer("127.0.0.1:1", None)), "pc-1", AlertFilter(), NOBODY)
        self._held = tuple(make_alert(alert_id=str(number)) for number in range(alerts))
        self.sizes: list[int] = []

    def page(self, wanted: AlertSearch, size: int, token: str = "") -> tuple[tuple[Alert, ...], str]:  # noqa: ARG002
        self.sizes.append(size)
        begin = int(token or 0)
        end = begin + size
        return self._held[begin:end], str(end) if end < len(self._held) else ""


@pytest.mark.parametrize(
    ("alerts", "sizes"),
    [
        (0, [CHEAP_PAGE]),
        (CHEAP_PAGE, [CHEAP_PAGE]),
        (CHEAP_PAGE + 1, [CHEAP_PAGE, MAX_PAGE]),
        (CHEAP_PAGE + MAX_PAGE + 1, [CHEAP_PAGE, MAX_PAGE, MAX_PAGE]),
    ],
)
def test_a_list_is_read_whole_by_one_cheap_page_and_then_by_large_ones(alerts: int, sizes: list[int]) -> None:
    with closing(PagedClient(alerts)) as client:
        assert [int(one.alert_id) for one in client.listed()] == list(range(alerts))
        assert client.sizes == sizes


def test_alerts_that_a_command_looks_through_cost_two_cheap_pages() -> None:
    """An officer without a desktop names an alert by its last characters, in one command after another."""
    with closing(PagedClient(CHEAP_PAGE)) as client:
        client.at_hand(datetime.now(UTC))
    limits, pc = CallLimits(lambda: 0.0), Identity(DeviceRole.NOTIFIER, "pc-1", "batam-center")
    assert [limits.charge_page(pc, size) for size in client.sizes * 100] == [0.0] * 200

"""What people do with alerts, what becomes of those that wait, and how long what is left of them is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from cekalwatch.server.alerts.adjudication import Adjudicator
from cekalwatch.server.alerts.escalation import Escalator
from cekalwatch.server.alerts.retention import RetentionSweeper
from cekalwatch.server.audit.entry import Actor
from cekalwatch.server.domain.clock import Clock
from cekalwatch.server.domain.orders import Checkpoints
from cekalwatch.server.grpc_api.alerts import AlertServicer
from cekalwatch.server.presence import Presence
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.storage.audit.trail import AuditTrail
from cekalwatch.server.watchlist.freshness import FreshnessGauge
from cekalwatch.server.wiring.delivery import DeliveryWiring
from cekalwatch.server.wiring.periodic import Chore
from cekalwatch.server.wiring.stores import Stores

SWEEP_PERIOD_S = 3600.0
SWEEP_PROBES_PERIOD_S = 30.0
SWEEP_IMAGES_PERIOD_S = 60.0
ESCALATE_PERIOD_S = 1.0


@dataclass(frozen=True)
class AlertsWiring:
    """The service of alerts, and what is done about them without being asked."""

    servicer: AlertServicer
    chores: tuple[Chore, ...]

    @classmethod
    def of(
        cls,
        settings: ServerSettings,
        stores: Stores,
        delivery: DeliveryWiring,
        freshness: FreshnessGauge,
        presence: Presence,
        trail: AuditTrail,
        checkpoints: Checkpoints,
        clock: Clock,
        myself: Actor,
    ) -> Self:
        """Put it together; there is nothing to close."""
        alerts, handling, policy, announce = stores.alerts, stores.handling, settings.handling_policy, delivery.announce
        adjudicator = Adjudicator(
            handling, alerts, stores.watchlist, checkpoints, stores.people, clock, policy, myself, announce
        )
        servicer = AlertServicer(
            delivery.fanout,
            delivery.acknowledgements,
            delivery.details,
            freshness,
            presence,
            trail,
            clock,
            settings.keep_alive_period_s,
            adjudicator,
            handling,
            settings.home.site,
        )
        sweeper = RetentionSweeper(alerts, handling, clock, myself, settings.keeping)
        return cls(
            servicer,
            (
                (SWEEP_PERIOD_S, sweeper.sweep),
                (SWEEP_PROBES_PERIOD_S, sweeper.sweep_probes),
                (SWEEP_IMAGES_PERIOD_S, sweeper.sweep_images),
                (ESCALATE_PERIOD_S, Escalator(handling, clock, policy, myself, announce).look),
            ),
        )

"""Messages of the operations service."""

from __future__ import annotations

from dataclasses import asdict

from cekalwatch.contract.codec.cameras import PLACE
from cekalwatch.contract.codec.captures import DROPS, POLICY, SPOOL, VIEW_STATES
from cekalwatch.contract.codec.enums import ProtoEnum
from cekalwatch.contract.codec.federation import PORT_STATUS
from cekalwatch.contract.codec.scalars import timestamp, written_seconds
from cekalwatch.contract.codec.troubles import TROUBLE
from cekalwatch.contract.codec.watchlist import FRESHNESS
from cekalwatch.contract.values.cameras import Heartbeat
from cekalwatch.contract.values.capture_policy import CapturePolicy
from cekalwatch.contract.values.captures import CaptureOutcome
from cekalwatch.contract.values.thresholds import ThresholdPromise, ThresholdSource
from cekalwatch.server.audit.history import RestoredBackup
from cekalwatch.server.audit.signing_state import SigningState
from cekalwatch.server.domain.checkpoints import Camera
from cekalwatch.server.domain.ports import Reporting
from cekalwatch.server.health.probes.presence import CameraPresence, ReportedRun
from cekalwatch.server.health.state.maintenance import MaintenanceStatus
from cekalwatch.server.health.state.status import ServerStatus
from cekalwatch.server.pki.revocations import RevocationState
from cekalwatch.server.storage.availability import DatabaseAway
from cekalwatch.v1 import operations_pb2, operations_service_pb2

_THRESHOLD_SOURCES = ProtoEnum(operations_pb2.ThresholdSource, "THRESHOLD_SOURCE", ThresholdSource)


def status_message(status: ServerStatus) -> operations_service_pb2.GetStatusResponse:
    """Write the status."""
    snapshot = status.snapshot
    return operations_service_pb2.GetStatusResponse(
        server_version=status.server_version,
        start_time=timestamp(status.started_at),
        thread_budget=status.thread_budget,
        gallery=operations_pb2.GalleryStatus(
            model_pack=status.model_pack,
            model_version=snapshot.gallery.model_version,
            templates=len(snapshot.gallery),
            unusable_templates=snapshot.unusable_templates,
            references_without_template=snapshot.references_without_template,
            subjects=snapshot.gallery.subjects,
            threshold=snapshot.threshold,
            threshold_source=_THRESHOLD_SOURCES.number(snapshot.decision.source)
            if snapshot.decision.source
            else operations_pb2.THRESHOLD_SOURCE_UNSPECIFIED,
            expected_fpir=snapshot.decision.expected_fpir,
            threshold_extrapolated=snapshot.decision.extrapolated,
            subjects_left_out=snapshot.people.left_out,
            blind=snapshot.blind,
            threshold_promise=_promise(snapshot.decision.promise),
        ),
        freshness=FRESHNESS.write(status.freshness),
        captures=operations_pb2.CaptureCounts(
            accepted=status.outcomes.get(CaptureOutcome.ACCEPTED, 0),
            rejected=status.outcomes.get(CaptureOutcome.REJECTED, 0),
            retry=status.outcomes.get(CaptureOutcome.RETRY, 0),
            alerts_raised=status.alerts_raised,
            unplaceable=status.unplaceable,
        ),
        head_sequence=status.head_sequence,
        cameras=[_camera_status(*one, status.policies[one[0].camera_id]) for one in status.cameras],
        agents=[
            operations_pb2.AgentStatus(
                agent_id=agent.agent_id,
                connected=bool(agent.server),
                acknowledged_sequence=agent.acknowledged_sequence,
                server=agent.server,
            )
            for agent in status.agents
        ],
        troubles=[TROUBLE.write(alarm.shown) for alarm in status.alarms],
        revocations=_revocations(status.revocations, stale=status.revocations_stale) if status.revocations else None,
        loops=[
            operations_pb2.LoopStatus(
                name=loop.name,
                failures=loop.failures,
                failing=None if loop.failing_s is None else written_seconds(loop.failing_s),
                error=loop.error,
            )
            for loop in status.loops
        ],
        signing=_signing(status.signing),
        connections=operations_pb2.ConnectionStatus(open=status.connections.open, closed=status.connections.closed),
        inference=operations_pb2.InferenceStatus(
            engine=status.inference.engine, precision=status.inference.precision, batch=status.inference.batch
        ),
        restored_backup=_restored(status.restored_backup) if status.restored_backup else None,
        database=_database(status.database),
        ports=[PORT_STATUS.write(one.status(status.at)) for one in status.ports],
        reporting=_reporting(status.reporting) if status.reporting else None,
        upkeep=_maintenance(status.maintenance),
        servers=[_server(one, does_chores=one.run.run_id == status.leader_id) for one in status.servers],
    )


def _restored(backup: RestoredBackup) -> operations_pb2.RestoredBackup:
    return operations_pb2.RestoredBackup(
        backup_time=timestamp(backup.made_at), restore_time=timestamp(backup.restored_at)
    )


def _database(away: DatabaseAway | None) -> operations_pb2.DatabaseStatus:
    if away is None:
        return operations_pb2.DatabaseStatus()
    return operations_pb2.DatabaseStatus(away=written_seconds(away.seconds), reason=away.reason, problem=away.problem)


def _server(told: ReportedRun, *, does_chores: bool) -> operations_pb2.ServerStatus:
    run = told.run
    return operations_pb2.ServerStatus(
        name=run.name,
        address=run.address,
        alive=told.alive,
        last_heard_time=timestamp(told.seen_at),
        start_time=timestamp(run.started_at),
        server_version=run.version,
        model_version=run.model_version,
        does_chores=does_chores,
        cameras=sum(one.streams > 0 for one in told.cameras.values()) if told.alive else 0,
        agents=len(told.agents),
        captures_waiting=run.captures_waiting,
        captures_per_second=run.captures_per_second,
        clock_ahead=None if told.clock_ahead is None else written_seconds(told.clock_ahead.total_seconds()),
    )


def _reporting(state: Reporting) -> operations_pb2.ReportingStatus:
    return operations_pb2.ReportingStatus(
        connected=state.connected,
        since_time=timestamp(state.since),
        events_waiting=state.waiting,
        acknowledge_time=timestamp(state.acknowledged_at) if state.acknowledged_at else None,
        problem=state.problem,
    )


def _maintenance(one: MaintenanceStatus) -> operations_pb2.UpkeepStatus:
    key = one.key
    return operations_pb2.UpkeepStatus(
        backup_time=timestamp(one.backup_at) if one.backup_at else None,
        backup_stale=one.backup_stale,
        disk_bytes=one.disk_bytes,
        disk_free_bytes=one.disk_free_bytes,
        data_key=key.key_id if key else 0,
        data_key_time=timestamp(key.made_at) if key else None,
        resealing=bool(key and key.settled_at is None),
    )


def _promise(promise: ThresholdPromise) -> operations_pb2.ThresholdPromise:
    return operations_pb2.ThresholdPromise(**asdict(promise))


def _revocations(state: RevocationState, *, stale: bool) -> operations_pb2.RevocationStatus:
    return operations_pb2.RevocationStatus(
        certificates=state.certificates,
        read_time=timestamp(state.read_at),
        unconfirmed=written_seconds(state.unconfirmed_s),
        issue_time=timestamp(state.issued_at),
        expire_time=timestamp(state.valid_until) if state.valid_until else None,
        stale=stale,
    )


def _signing(state: SigningState) -> operations_pb2.SigningStatus:
    newest = state.newest
    return operations_pb2.SigningStatus(
        checkpoint_number=newest.number if newest else 0,
        signed_entry=newest.sequence if newest else 0,
        sign_time=timestamp(newest.signed_at) if newest else None,
        change=state.change or "",
        waits=state.waits or "",
        destinations=[
            operations_pb2.CheckpointDestination(name=one.name, waiting=one.waiting, failure=one.failure or "")
            for one in state.destinations
        ],
    )


def _camera_status(
    camera: Camera, presence: CameraPresence, server: str, policy: CapturePolicy
) -> operations_pb2.CameraStatus:
    heartbeat = presence.heartbeat or Heartbeat()
    return operations_pb2.CameraStatus(
        camera=PLACE.write(camera),
        connected=presence.streams > 0,
        last_heard_time=timestamp(presence.last_heard_at) if presence.last_heard_at else None,
        frames_per_second=heartbeat.frames_per_second,
        dropped_total=heartbeat.dropped_total,
        outbox_depth=heartbeat.outbox_depth,
        outbox_age=written_seconds(heartbeat.outbox_age_s),
        view_state=VIEW_STATES.number(heartbeat.view_state),
        spool=SPOOL.write(heartbeat.spool),
        clock_ahead=None if presence.clock_ahead is None else written_seconds(presence.clock_ahead.total_seconds()),
        drops=DROPS.write(heartbeat.drops),
        server=server,
        last_face_time=timestamp(presence.last_face_at) if presence.last_face_at else None,
        passages=presence.passages,
        passages_fit=presence.passages_fit,
        policy=POLICY.write(policy),
    )

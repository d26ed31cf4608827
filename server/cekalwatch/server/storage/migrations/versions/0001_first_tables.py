"""First tables."""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "agent",
        sa.Column("agent_id", sa.String(), nullable=False),
        sa.Column("acknowledged_sequence", sa.Integer(), nullable=False),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("agent_id"),
    )
    op.create_table(
        "alert",
        sa.Column("alert_id", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("subject_id", sa.String(), nullable=False),
        sa.Column("camera_id", sa.String(), nullable=False),
        sa.Column("site", sa.String(), nullable=False),
        sa.Column("counter", sa.String(), nullable=False),
        sa.Column("direction", sa.String(), nullable=False),
        sa.Column("captured_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("threshold", sa.Float(), nullable=False),
        sa.Column("candidates", sa.JSON(), nullable=False),
        sa.Column("model_version", sa.String(), nullable=False),
        sa.Column("late", sa.Boolean(), nullable=False),
        sa.Column("escalation", sa.Integer(), nullable=False),
        sa.Column("escalated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("escalations", sa.Integer(), nullable=False),
        sa.Column("orders_ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("first_claimed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stands_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("claim_person_id", sa.String(), nullable=True),
        sa.Column("claim_agent", sa.String(), nullable=True),
        sa.Column("claim_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("row_version", sa.BigInteger(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("alert_id"),
    )
    with op.batch_alter_table("alert", schema=None) as batch_op:
        batch_op.create_index("ix_alert_site_captured", ["site", "captured_at"], unique=False)
        batch_op.create_index("ix_alert_site_last_seen", ["site", "last_seen_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_alert_raised_at"), ["raised_at"], unique=False)
        batch_op.create_index("ix_alert_state", ["state", "alert_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_alert_subject_id"), ["subject_id"], unique=False)

    op.create_table(
        "data_key",
        sa.Column("key_id", sa.Integer(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("master_key_id", sa.String(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("key_id"),
    )
    op.create_table(
        "notice",
        sa.Column("row_version", sa.BigInteger(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("notice_id", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("failure", sa.String(), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("target", "number"),
        sa.UniqueConstraint("target", "source"),
    )
    op.create_index("ix_notice_target_settled_at", "notice", ["target", "settled_at"], unique=False)
    op.create_table(
        "notice_position",
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("stream", sa.String(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("target", "stream"),
    )
    op.create_table(
        "event_log",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("pruned_through", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "subject",
        sa.Column("subject_id", sa.String(), nullable=False),
        sa.Column("facts", sa.LargeBinary(), nullable=False),
        sa.Column("row_version", sa.BigInteger(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("subject_id"),
    )
    op.create_table(
        "watchlist_state",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "watchlist_change",
        sa.Column("subject_id", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("subject_id"),
    )
    with op.batch_alter_table("watchlist_change", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_watchlist_change_version"), ["version"], unique=False)

    op.create_table(
        "alert_event",
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("alert_id", sa.String(), nullable=False),
        sa.Column("capture_id", sa.String(), nullable=False),
        sa.Column("trace", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["alert_id"],
            ["alert.alert_id"],
        ),
        sa.PrimaryKeyConstraint("sequence"),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("alert_event", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_alert_event_alert_id"), ["alert_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_alert_event_occurred_at"), ["occurred_at"], unique=False)

    op.create_table(
        "alert_passage",
        sa.Column("alert_id", sa.String(), nullable=False),
        sa.Column("passage", sa.String(), nullable=False),
        sa.Column("kept_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("model_version", sa.String(), nullable=False),
        sa.Column("template", sa.LargeBinary(), nullable=False),
        sa.Column("row_version", sa.BigInteger(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["alert_id"],
            ["alert.alert_id"],
        ),
        sa.PrimaryKeyConstraint("alert_id", "passage"),
    )
    with op.batch_alter_table("alert_passage", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_alert_passage_kept_at"), ["kept_at"], unique=False)

    op.create_table(
        "alert_finding",
        sa.Column("alert_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("subject_id", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("facts", sa.LargeBinary(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.BigInteger(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["alert_id"],
            ["alert.alert_id"],
        ),
        sa.PrimaryKeyConstraint("alert_id", "number"),
    )
    with op.batch_alter_table("alert_finding", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_alert_finding_found_at"), ["found_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_alert_finding_person_id"), ["person_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_alert_finding_subject_id"), ["subject_id"], unique=False)

    op.create_table(
        "alert_follow_up",
        sa.Column("alert_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("facts", sa.LargeBinary(), nullable=False),
        sa.Column("contacted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.BigInteger(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["alert_id"],
            ["alert.alert_id"],
        ),
        sa.PrimaryKeyConstraint("alert_id", "number"),
    )
    op.create_table(
        "ban_order",
        sa.Column("order_id", sa.String(), nullable=False),
        sa.Column("subject_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("valid_from", sa.String(), nullable=False),
        sa.Column("valid_until", sa.String(), nullable=False),
        sa.Column("received_on", sa.String(), nullable=False),
        sa.Column("decree_date", sa.String(), nullable=False),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("extends_order_id", sa.String(), nullable=False),
        sa.Column("revoked_at", sa.String(), nullable=False),
        sa.Column("withdrawn_at", sa.String(), nullable=False),
        sa.Column("urgent_since", sa.String(), nullable=False),
        sa.Column("facts", sa.LargeBinary(), nullable=False),
        sa.Column("content_hash", sa.String(), nullable=False),
        sa.Column("row_version", sa.BigInteger(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["subject_id"],
            ["subject.subject_id"],
        ),
        sa.PrimaryKeyConstraint("order_id"),
    )
    with op.batch_alter_table("ban_order", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_ban_order_subject_id"), ["subject_id"], unique=False)

    op.create_table(
        "probe",
        sa.Column("alert_id", sa.String(), nullable=False),
        sa.Column("capture_id", sa.String(), nullable=False),
        sa.Column("quality", sa.Float(), nullable=False),
        sa.Column("jpeg", sa.LargeBinary(), nullable=False),
        sa.Column("row_version", sa.BigInteger(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["alert_id"],
            ["alert.alert_id"],
        ),
        sa.PrimaryKeyConstraint("alert_id"),
    )
    op.create_table(
        "reference_face",
        sa.Column("reference_id", sa.String(), nullable=False),
        sa.Column("subject_id", sa.String(), nullable=False),
        sa.Column("photo_digest", sa.String(), nullable=False),
        sa.Column("photo_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("figures", sa.String(), nullable=False),
        sa.Column("warnings", sa.String(), nullable=False),
        sa.Column("row_version", sa.BigInteger(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["subject_id"],
            ["subject.subject_id"],
        ),
        sa.PrimaryKeyConstraint("reference_id"),
        sa.UniqueConstraint("subject_id", "photo_digest", name="uq_reference_face_photo"),
    )
    op.create_table(
        "subject_identity",
        sa.Column("subject_id", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["subject_id"],
            ["subject.subject_id"],
        ),
        sa.PrimaryKeyConstraint("subject_id", "digest"),
    )
    with op.batch_alter_table("subject_identity", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_subject_identity_digest"), ["digest"], unique=False)

    op.create_table(
        "lookalike_judgement",
        sa.Column("first_id", sa.String(), nullable=False),
        sa.Column("second_id", sa.String(), nullable=False),
        sa.Column("judgement", sa.String(), nullable=False),
        sa.Column("photographs", sa.String(), nullable=False),
        sa.Column("judged_by", sa.String(), nullable=False),
        sa.Column("judged_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.BigInteger(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["first_id"],
            ["subject.subject_id"],
        ),
        sa.ForeignKeyConstraint(
            ["second_id"],
            ["subject.subject_id"],
        ),
        sa.PrimaryKeyConstraint("first_id", "second_id"),
    )
    with op.batch_alter_table("lookalike_judgement", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_lookalike_judgement_second_id"), ["second_id"], unique=False)

    op.create_table(
        "sighting",
        sa.Column("capture_id", sa.String(), nullable=False),
        sa.Column("alert_id", sa.String(), nullable=False),
        sa.Column("passage", sa.String(), nullable=False),
        sa.Column("camera_id", sa.String(), nullable=False),
        sa.Column("site", sa.String(), nullable=False),
        sa.Column("counter", sa.String(), nullable=False),
        sa.Column("direction", sa.String(), nullable=False),
        sa.Column("captured_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("fused_crops", sa.Integer(), nullable=False),
        sa.Column("row_version", sa.BigInteger(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["alert_id"],
            ["alert.alert_id"],
        ),
        sa.PrimaryKeyConstraint("capture_id"),
    )
    with op.batch_alter_table("sighting", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_sighting_alert_id"), ["alert_id"], unique=False)
        batch_op.create_index("ix_sighting_counter", ["counter", "alert_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_sighting_passage"), ["passage"], unique=False)

    op.create_table(
        "reference_picture",
        sa.Column("reference_id", sa.String(), nullable=False),
        sa.Column("photo", sa.LargeBinary(), nullable=False),
        sa.Column("face_jpeg", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["reference_id"],
            ["reference_face.reference_id"],
        ),
        sa.PrimaryKeyConstraint("reference_id"),
    )
    op.create_table(
        "template",
        sa.Column("reference_id", sa.String(), nullable=False),
        sa.Column("model_version", sa.String(), nullable=False),
        sa.Column("subject_id", sa.String(), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["reference_id"],
            ["reference_face.reference_id"],
        ),
        sa.PrimaryKeyConstraint("reference_id", "model_version"),
    )
    op.create_table(
        "template_refusal",
        sa.Column("reference_id", sa.String(), nullable=False),
        sa.Column("model_version", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["reference_id"],
            ["reference_face.reference_id"],
        ),
        sa.PrimaryKeyConstraint("reference_id", "model_version"),
    )
    op.create_table(
        "gallery_state",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("pack", sa.String(), nullable=False),
        sa.Column("model_version", sa.String(), nullable=False),
        sa.Column("previous_pack", sa.String(), nullable=False),
        sa.Column("previous_model_version", sa.String(), nullable=False),
        sa.Column("row_version", sa.BigInteger(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "write_probe",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("writes", sa.BigInteger(), nullable=False),
        sa.Column("filling", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.execute("INSERT INTO write_probe (id, writes, filling) VALUES (1, 0, '')")
    with op.batch_alter_table("template", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_template_model_version"), ["model_version"], unique=False)
        batch_op.create_index("ix_template_subject", ["subject_id", "model_version"], unique=False)

    op.create_table(
        "audit_entry",
        sa.Column(
            "sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("previous_hash", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("objects", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("details", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("sequence"),
    )
    with op.batch_alter_table("audit_entry", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_audit_entry_action"), ["action"], unique=False)

    op.create_table(
        "audit_index",
        sa.Column("term", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("moment", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("term", "moment", "sequence"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "audit_checkpoint",
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("public_key", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.Column("signature", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", "public_key"),
        sa.UniqueConstraint("public_key", "number"),
    )
    op.create_table(
        "person",
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("sign_in_name", sa.String(), nullable=False),
        sa.Column("display_name", sa.String(), nullable=False),
        sa.Column("roles", sa.String(), nullable=False),
        sa.Column("sites", sa.String(), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=True),
        sa.Column("must_change_password", sa.Boolean(), nullable=False),
        sa.Column("row_version", sa.BigInteger(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("person_id"),
        sa.UniqueConstraint("sign_in_name"),
    )
    op.create_table(
        "person_session",
        sa.Column("token_sha256", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("by_password", sa.Boolean(), nullable=False),
        sa.Column("device_binding", sa.String(), nullable=False),
        sa.Column("certificate", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=True),
        sa.Column("argument_sha256", sa.String(), nullable=True),
        sa.Column("first_session", sa.String(), nullable=True),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.BigInteger(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"],
            ["person.person_id"],
        ),
        sa.PrimaryKeyConstraint("token_sha256"),
    )
    with op.batch_alter_table("person_session", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_person_session_expires_at"), ["expires_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_person_session_person_id"), ["person_id"], unique=False)

    op.create_table(
        "sign_in_failure",
        sa.Column("name_tag", sa.String(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name_tag"),
    )
    with op.batch_alter_table("sign_in_failure", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_sign_in_failure_failed_at"), ["failed_at"], unique=False)

    op.create_table(
        "device_tries",
        sa.Column("binding", sa.String(), nullable=False),
        sa.Column("spent_until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("binding"),
    )
    with op.batch_alter_table("device_tries", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_device_tries_spent_until"), ["spent_until"], unique=False)

    key = op.create_table(
        "sign_in_key",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.bulk_insert(key, [{"id": 1, "key": secrets.token_bytes(32)}])
    op.create_table(
        "decision_threshold",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("value", sa.Float(), nullable=True),
        sa.Column("model_version", sa.String(), nullable=False),
        sa.Column("row_version", sa.BigInteger(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "camera_policy",
        sa.Column("camera_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("changes", sa.JSON(), nullable=False),
        sa.Column("before", sa.JSON(), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.BigInteger(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("camera_id"),
    )
    op.create_table(
        "camera_survey",
        sa.Column("camera_id", sa.String(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("reported_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("figures", sa.JSON(), nullable=False),
        sa.Column("row_version", sa.BigInteger(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("camera_id", "number"),
    )
    op.create_table(
        "score_count",
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("camera_id", sa.String(), nullable=False),
        sa.Column("model_version", sa.String(), nullable=False),
        sa.Column("templates", sa.Integer(), nullable=False),
        sa.Column("site", sa.String(), nullable=False),
        sa.Column("below", sa.JSON(), nullable=False),
        sa.Column("reached", sa.Integer(), nullable=False),
        sa.Column("row_version", sa.BigInteger(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("day", "camera_id", "model_version", "templates"),
    )
    op.create_table(
        "learned_threshold",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("model_version", sa.String(), nullable=False),
        sa.Column("step", sa.Float(), nullable=False),
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("moved", sa.Float(), nullable=False),
        sa.Column("forgotten_through", sa.String(), nullable=False),
        sa.Column("state", sa.JSON(), nullable=False),
        sa.Column("row_version", sa.BigInteger(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "passage_count",
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("camera_id", sa.String(), nullable=False),
        sa.Column("site", sa.String(), nullable=False),
        sa.Column("direction", sa.String(), nullable=False),
        sa.Column("passages", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("hour", "camera_id"),
    )
    op.create_table(
        "sync_state",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("cursor", sa.String(), nullable=False),
        sa.Column("reading_from", sa.String(), nullable=False),
        sa.Column("reading", sa.Integer(), nullable=False),
        sa.Column("reading_open", sa.Boolean(), nullable=False),
        sa.Column("reading_whole", sa.Boolean(), nullable=False),
        sa.Column("reading_expected", sa.Integer(), nullable=False),
        sa.Column("reading_items", sa.Integer(), nullable=False),
        sa.Column("reading_refused", sa.Integer(), nullable=False),
        sa.Column("keyless", sa.Boolean(), nullable=False),
        sa.Column("lease", sa.String(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_run_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("waiting_run_id", sa.Integer(), nullable=False),
        sa.Column("waiting_missing", sa.Integer(), nullable=False),
        sa.Column("waiting_held", sa.Integer(), nullable=False),
        sa.Column("accepted", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "sync_order",
        sa.Column("order_id", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("seen_reading", sa.Integer(), nullable=False),
        sa.Column("gone", sa.Boolean(), nullable=False),
        sa.Column("erased", sa.Boolean(), nullable=False),
        sa.Column("problem", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("order_id"),
    )
    with op.batch_alter_table("sync_order", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_sync_order_seen_reading"), ["seen_reading"], unique=False)

    op.create_table(
        "sync_run",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("whole", sa.Boolean(), nullable=False),
        sa.Column("resumed", sa.Boolean(), nullable=False),
        sa.Column("read", sa.Integer(), nullable=False),
        sa.Column("added", sa.Integer(), nullable=False),
        sa.Column("changed", sa.Integer(), nullable=False),
        sa.Column("unchanged", sa.Integer(), nullable=False),
        sa.Column("ended", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("kept", sa.Integer(), nullable=False),
        sa.Column("photographs_refused", sa.Integer(), nullable=False),
        sa.Column("flagged", sa.Integer(), nullable=False),
        sa.Column("doubtful", sa.Integer(), nullable=False),
        sa.Column("renewed", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("refusals", sa.String(), nullable=False),
        sa.Column("remarks", sa.String(), nullable=False),
        sa.Column("missing", sa.Integer(), nullable=False),
        sa.Column("held", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("run_id"),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("sync_run", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_sync_run_started_at"), ["started_at"], unique=False)

    op.create_table(
        "watchlist_success",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("last_success_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("source"),
    )
    op.create_table(
        "trouble_log",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("change", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "trouble",
        sa.Column("trouble_id", sa.String(), nullable=False),
        sa.Column("open_key", sa.String(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("about", sa.String(), nullable=False),
        sa.Column("site", sa.String(), nullable=False),
        sa.Column("counter", sa.String(), nullable=False),
        sa.Column("details", sa.String(), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acknowledged_by", sa.String(), nullable=True),
        sa.Column("change", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("trouble_id"),
        sa.UniqueConstraint("open_key"),
    )
    with op.batch_alter_table("trouble", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_trouble_change"), ["change"], unique=False)

    op.create_table(
        "camera_news",
        sa.Column("camera_id", sa.String(), nullable=False),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rejected_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("site", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("camera_id"),
    )
    op.create_table(
        "chore_lease",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("term", sa.Integer(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.execute("INSERT INTO chore_lease (id, holder, term) VALUES (1, '', 0)")
    op.create_table(
        "server_run",
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("model_version", sa.String(), nullable=False),
        sa.Column("law", sa.JSON(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("clock_ahead_ms", sa.Integer(), nullable=False),
        sa.Column("captures_waiting", sa.Integer(), nullable=False),
        sa.Column("captures_per_second", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("run_id"),
    )
    op.create_table(
        "refused_server",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("machine", sa.String(), nullable=False),
        sa.Column("folder", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("refused_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", "machine", "folder"),
    )
    op.create_table(
        "camera_presence",
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("camera_id", sa.String(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["server_run.run_id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "camera_id"),
    )
    op.create_table(
        "agent_presence",
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("agent_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["server_run.run_id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "agent_id"),
    )
    op.create_table(
        "port_alert",
        sa.Column("row_version", sa.BigInteger(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.Column("site", sa.String(), nullable=False),
        sa.Column("port", sa.String(), nullable=False),
        sa.Column("alert_id", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reported_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("facts", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("site", "port", "alert_id"),
    )
    with op.batch_alter_table("port_alert", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_port_alert_state"), ["state"], unique=False)
        batch_op.create_index(batch_op.f("ix_port_alert_raised_at"), ["raised_at"], unique=False)

    op.create_table(
        "port_event",
        sa.Column("row_version", sa.BigInteger(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.Column("site", sa.String(), nullable=False),
        sa.Column("port", sa.String(), nullable=False),
        sa.Column("log", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("alert_id", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("capture_id", sa.String(), nullable=False),
        sa.Column("reported_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("site", "port", "log", "sequence"),
    )
    with op.batch_alter_table("port_event", schema=None) as batch_op:
        batch_op.create_index("ix_port_event_alert", ["site", "port", "alert_id"], unique=False)

    op.create_table(
        "port_position",
        sa.Column("row_version", sa.BigInteger(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.Column("site", sa.String(), nullable=False),
        sa.Column("port", sa.String(), nullable=False),
        sa.Column("log", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("alert_id", sa.String(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("site", "port"),
    )
    op.create_table(
        "port_presence",
        sa.Column("site", sa.String(), nullable=False),
        sa.Column("port", sa.String(), nullable=False),
        sa.Column("server", sa.String(), nullable=False),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("waiting", sa.Integer(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("list_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("site", "port"),
    )
    op.create_table(
        "port_following",
        sa.Column("site", sa.String(), nullable=False),
        sa.Column("port", sa.String(), nullable=False),
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("server", sa.String(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("model_version", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("certificate", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("site", "port"),
    )
    op.create_table(
        "centre_report",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.execute("INSERT INTO centre_report (id, sequence) VALUES (1, 0)")
    # The one row that whoever changes a trouble locks and counts in.
    op.execute("INSERT INTO trouble_log (id, change) VALUES (1, 0)")

    # The one row that every synchronisation locks.
    op.execute(
        "INSERT INTO sync_state (id, source, cursor, reading_from, reading, reading_open, reading_whole, "
        "reading_expected, reading_items, reading_refused, keyless, lease, waiting_run_id, waiting_missing, "
        "waiting_held, accepted) VALUES (1, '', '', '', 0, false, true, 0, 0, 0, false, '', 0, 0, 0, 0)"
    )
    _refuse_changes("audit_entry")
    _refuse_changes("audit_checkpoint")
    _refuse_changes("audit_index")
    # The one row of the chain's head, which every writer locks; the hash before the first entry is zeros.
    op.execute(f"INSERT INTO audit_head (id, sequence, hash) VALUES (1, 0, '{'0' * 64}')")

    # The one row of the state, which every change of the watchlist locks and counts in.
    op.execute("INSERT INTO watchlist_state (id, version) VALUES (1, 0)")
    # The same for alerts: sequences of the event log rise in the order of commits because of it.
    op.execute("INSERT INTO event_log (id, pruned_through) VALUES (1, 0)")


def _refuse_changes(table: str) -> None:
    """Make a table append-only, as far as a database can: whoever may drop triggers can still do without them."""
    if op.get_context().dialect.name == "sqlite":
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{change.lower()} BEFORE {change} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
        # INSERT OR REPLACE removes a row without the trigger for that.
        op.execute(
            f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} "
            f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {_SAME_KEY[table]}) "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        )
        return
    op.execute(
        f"CREATE FUNCTION {table}_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{table} is append-only'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_refuse()"
    )


_SAME_KEY = {
    "audit_entry": "sequence = NEW.sequence",
    "audit_checkpoint": "public_key = NEW.public_key AND (sequence = NEW.sequence OR number = NEW.number)",
    "audit_index": "term = NEW.term AND moment = NEW.moment AND sequence = NEW.sequence",
}


def downgrade() -> None:
    if op.get_context().dialect.name != "sqlite":
        for table in ("audit_checkpoint", "audit_entry", "audit_index"):
            op.execute(f"DROP FUNCTION {table}_refuse CASCADE")
    op.drop_table("watchlist_success")
    op.drop_table("centre_report")
    op.drop_table("port_following")
    op.drop_table("port_presence")
    op.drop_table("port_position")
    with op.batch_alter_table("port_event", schema=None) as batch_op:
        batch_op.drop_index("ix_port_event_alert")

    op.drop_table("port_event")
    with op.batch_alter_table("port_alert", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_port_alert_raised_at"))
        batch_op.drop_index(batch_op.f("ix_port_alert_state"))

    op.drop_table("port_alert")
    op.drop_table("agent_presence")
    op.drop_table("camera_presence")
    op.drop_table("refused_server")
    op.drop_table("server_run")
    op.drop_table("chore_lease")
    op.drop_table("camera_news")
    with op.batch_alter_table("trouble", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_trouble_change"))

    op.drop_table("trouble")
    op.drop_table("trouble_log")
    op.drop_table("passage_count")
    with op.batch_alter_table("sync_run", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_sync_run_started_at"))

    op.drop_table("sync_run")
    with op.batch_alter_table("sync_order", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_sync_order_seen_reading"))

    op.drop_table("sync_order")
    op.drop_table("sync_state")
    op.drop_table("learned_threshold")
    op.drop_table("score_count")
    op.drop_table("camera_survey")
    op.drop_table("camera_policy")
    op.drop_table("decision_threshold")
    op.drop_table("write_probe")
    op.drop_table("gallery_state")
    op.drop_table("template_refusal")
    op.drop_table("sign_in_key")
    with op.batch_alter_table("device_tries", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_device_tries_spent_until"))

    op.drop_table("device_tries")
    with op.batch_alter_table("sign_in_failure", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_sign_in_failure_failed_at"))

    op.drop_table("sign_in_failure")
    with op.batch_alter_table("person_session", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_person_session_person_id"))
        batch_op.drop_index(batch_op.f("ix_person_session_expires_at"))

    op.drop_table("person_session")
    op.drop_table("person")
    op.drop_table("audit_checkpoint")
    op.drop_table("audit_head")
    op.drop_table("audit_index")
    with op.batch_alter_table("audit_entry", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_audit_entry_action"))

    op.drop_table("audit_entry")
    with op.batch_alter_table("template", schema=None) as batch_op:
        batch_op.drop_index("ix_template_subject")
        batch_op.drop_index(batch_op.f("ix_template_model_version"))

    op.drop_table("template")
    op.drop_table("reference_picture")
    with op.batch_alter_table("sighting", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_sighting_passage"))
        batch_op.drop_index("ix_sighting_counter")
        batch_op.drop_index(batch_op.f("ix_sighting_alert_id"))

    op.drop_table("sighting")
    with op.batch_alter_table("lookalike_judgement", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_lookalike_judgement_second_id"))

    op.drop_table("lookalike_judgement")
    with op.batch_alter_table("subject_identity", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_subject_identity_digest"))

    op.drop_table("subject_identity")
    op.drop_table("reference_face")
    op.drop_table("probe")
    with op.batch_alter_table("ban_order", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_ban_order_subject_id"))

    op.drop_table("ban_order")
    op.drop_table("alert_follow_up")
    with op.batch_alter_table("alert_finding", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_alert_finding_subject_id"))
        batch_op.drop_index(batch_op.f("ix_alert_finding_person_id"))
        batch_op.drop_index(batch_op.f("ix_alert_finding_found_at"))

    op.drop_table("alert_finding")
    with op.batch_alter_table("alert_event", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_alert_event_occurred_at"))
        batch_op.drop_index(batch_op.f("ix_alert_event_alert_id"))

    op.drop_table("alert_event")
    with op.batch_alter_table("watchlist_change", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_watchlist_change_version"))

    op.drop_table("watchlist_change")
    op.drop_table("watchlist_state")
    op.drop_table("subject")
    op.drop_table("event_log")
    op.drop_table("notice_position")
    op.drop_index("ix_notice_target_settled_at", table_name="notice")
    op.drop_table("notice")
    op.drop_table("data_key")
    with op.batch_alter_table("alert", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_alert_subject_id"))
        batch_op.drop_index("ix_alert_state")
        batch_op.drop_index(batch_op.f("ix_alert_raised_at"))
        batch_op.drop_index("ix_alert_site_last_seen")
        batch_op.drop_index("ix_alert_site_captured")

    op.drop_table("alert")
    op.drop_table("agent")

"""From the tables of 0.2.0 to those of 0.3.0.

`upgrade` signs the rows of the tables that get MACs here (`SIGNED_SINCE`). Numbers 0002 to 0023 were never released.
"""

from functools import partial
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0001"
branch_labels = None
depends_on = None

_json = partial(sa.Column, type_=sa.JSON(), nullable=False)
_moment = partial(sa.Column, type_=sa.DateTime(timezone=True), nullable=False)
_number = partial(sa.Column, type_=sa.Integer(), nullable=False)
_sealed = partial(sa.Column, type_=sa.LargeBinary(), nullable=False)
_text = partial(sa.Column, type_=sa.String(), nullable=False)
_truth = partial(sa.Column, type_=sa.Boolean(), nullable=False)


def upgrade() -> None:
    _widen_tables()
    _sign_tables()
    _add_tables()


def _widen_tables() -> None:
    for table, column in (
        ("agent_presence", _json("facts", nullable=True)),
        ("alert", _text("exercise_id", nullable=True)),
        ("alert", _number("attended", nullable=True)),
        ("alert", _number("called", nullable=True)),
        ("alert", _number("turn", nullable=True)),
        ("person", _text("provided", nullable=True)),
        ("person", _text("second_part", nullable=True)),
        ("person", _text("withheld", nullable=True)),
        ("server_run", _json("gates", nullable=True)),
        ("sighting", sa.Column("late", sa.Boolean(), nullable=True)),
        ("sighting", _text("model_version", nullable=True)),
        ("sighting", _number("turn", nullable=True)),
        ("subject", _moment("orders_moved_at", nullable=True)),
        ("trouble", sa.Column("read_by", sa.JSON(), nullable=False, server_default="[]")),
        ("watchlist_change", sa.Column("held", sa.String(), nullable=False, server_default="")),
    ):
        op.add_column(table, column)


def _sign_tables() -> None:
    """Give MACs to what a synchronisation knows, and servers tell each other; whose turn it is stays without."""
    op.create_table(
        "sync_schedule",
        _number("id", primary_key=True),
        _text("lease"),
        _moment("lease_until", nullable=True),
        _moment("next_run_at", nullable=True),
    )
    op.execute("INSERT INTO sync_schedule (id, lease, next_run_at) SELECT id, '', next_run_at FROM sync_state")
    # The row of a database without a run: the first one makes its own.
    op.execute("DELETE FROM sync_state WHERE source = ''")
    with op.batch_alter_table("sync_state") as batch:
        for column in ("lease", "lease_until", "next_run_at"):
            batch.drop_column(column)
    for table in ("camera_news", "sync_order", "sync_run", "sync_state", "watchlist_success"):
        op.add_column(table, sa.Column("row_version", sa.BigInteger(), nullable=False, server_default="0"))
        op.add_column(table, sa.Column("mac", sa.LargeBinary(), nullable=False, server_default=""))


def _add_tables() -> None:
    _signed_table(
        "agency",
        _text("code", primary_key=True),
        _text("name"),
        _json("other_names"),
        _truth("removed"),
    )
    op.create_table(
        "alert_agency",
        _text("alert_id", sa.ForeignKey("alert.alert_id"), primary_key=True),
        _text("order_id", primary_key=True),
        _sealed("agency"),
    )
    _signed_table(
        "alert_look",
        _text("alert_id", sa.ForeignKey("alert.alert_id"), primary_key=True),
        _number("number", primary_key=True),
        *map(_text, ("subject_id", "outcome", "person_id")),
        _moment("looked_at"),
        _number("version"),
    )
    _signed_table(
        "alert_told",
        _text("alert_id", sa.ForeignKey("alert.alert_id"), primary_key=True),
        _text("subject_id", primary_key=True),
        *map(_text, ("facts", "photographs")),
        _json("orders"),
        _number("faces_since"),
    )
    _signed_table(
        "approval",
        _text("approval_id", primary_key=True),
        *map(_text, ("method", "request", "first_person_id")),
        _text("first_session", index=True),
        *map(_text, ("device", "site", "device_binding", "certificate")),
        _moment("asked_at"),
        _moment("expires_at", index=True),
        _text("state"),
        _text("second_person_id", nullable=True),
    )
    _signed_table("directory", _number("id", primary_key=True), _moment("heard_at"))
    _signed_table(
        "exercise",
        _text("exercise_id", primary_key=True),
        *map(_text, ("subject_id", "camera_id", "site", "counter")),
        _moment("planned_at"),
        _moment("due_at"),
        *(_moment(name, nullable=True) for name in ("sent_at", "played_at", "raised_at", "shown_at")),
        _moment("ended_at", nullable=True, index=True),
        _number("crops", nullable=True),
        _truth("received"),
        _text("alert_id", nullable=True),
        _number("sequence"),
        _text("end", nullable=True),
        _text("stage"),
        _text("person_id", nullable=True, index=True),
    )
    op.create_index("ix_exercise_camera", "exercise", ["camera_id", "planned_at"])
    _signed_table(
        "exercise_subject",
        _text("subject_id", primary_key=True),
        _sealed("facts"),
        _moment("added_at"),
        _moment("until", index=True),
    )
    _signed_table(
        "exercise_picture",
        _text("subject_id", sa.ForeignKey("exercise_subject.subject_id"), primary_key=True),
        _number("number", primary_key=True),
        _sealed("jpeg"),
    )
    _signed_table(
        "hand_over",
        _text("hand_over_id", primary_key=True),
        *map(_text, ("site", "left_by")),
        _moment("left_at", index=True),
        _sealed("notes"),
        _text("taken_by", nullable=True),
        _moment("taken_at", nullable=True),
    )
    _signed_table("law_row", _text("kind", primary_key=True), _text("holds_from", primary_key=True), _json("figures"))
    _signed_table("list_inventory", _number("id", primary_key=True), _text("total"))
    _signed_table("setting", _text("name", primary_key=True), _json("value"))
    op.create_table(
        "unusable_count",
        _moment("hour", primary_key=True),
        *(_text(name, primary_key=True) for name in ("camera_id", "reason")),
        *map(_text, ("site", "direction")),
        *map(_number, ("passages", "unsent")),
        _moment("last_seen_at"),
    )


def _signed_table(name: str, *columns: sa.Column[Any]) -> None:
    version, mac = sa.Column("row_version", sa.BigInteger(), nullable=False), _sealed("mac")
    op.create_table(name, version, mac, *columns)

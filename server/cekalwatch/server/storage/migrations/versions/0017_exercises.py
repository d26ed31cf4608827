"""Exercises: their subjects and pictures, when they come, each with its result; alerts say which is one."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def _moment(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _signed() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("row_version", sa.BigInteger(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
    )


def upgrade() -> None:
    op.create_table(
        "exercise_subject",
        *_signed(),
        sa.Column("subject_id", sa.String(), nullable=False),
        sa.Column("facts", sa.LargeBinary(), nullable=False),
        _moment("added_at"),
        _moment("until"),
        sa.PrimaryKeyConstraint("subject_id"),
    )
    op.create_index("ix_exercise_subject_until", "exercise_subject", ["until"])
    op.create_table(
        "exercise_picture",
        *_signed(),
        sa.Column("subject_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("jpeg", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["subject_id"], ["exercise_subject.subject_id"]),
        sa.PrimaryKeyConstraint("subject_id", "number"),
    )
    op.create_table(
        "exercise_setting",
        *_signed(),
        sa.Column("shifts", sa.JSON(), nullable=False),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("a_shift", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "exercise",
        *_signed(),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("exercise_id", "subject_id", "camera_id", "site")),
        sa.Column("counter", sa.String(), nullable=False),
        _moment("planned_at"),
        _moment("due_at"),
        *(_moment(name, nullable=True) for name in ("sent_at", "played_at", "raised_at", "shown_at", "ended_at")),
        sa.Column("crops", sa.Integer(), nullable=True),
        sa.Column("received", sa.Boolean(), nullable=False),
        sa.Column("alert_id", sa.String(), nullable=True),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("end", sa.String(), nullable=True),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("exercise_id"),
    )
    op.create_index("ix_exercise_camera", "exercise", ["camera_id", "planned_at"])
    op.create_index("ix_exercise_ended_at", "exercise", ["ended_at"])
    op.create_index("ix_exercise_person_id", "exercise", ["person_id"])
    with op.batch_alter_table("alert") as batch:
        batch.add_column(sa.Column("exercise_id", sa.String(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("alert") as batch:
        batch.drop_column("exercise_id")
    for table in ("exercise", "exercise_setting", "exercise_picture", "exercise_subject"):
        op.drop_table(table)

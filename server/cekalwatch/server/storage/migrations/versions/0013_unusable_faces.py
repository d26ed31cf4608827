"""Travellers without a usable face are counted, by camera, hour and reason."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "unusable_count",
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("camera_id", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("site", sa.String(), nullable=False),
        sa.Column("direction", sa.String(), nullable=False),
        sa.Column("passages", sa.Integer(), nullable=False),
        sa.Column("unsent", sa.Integer(), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("hour", "camera_id", "reason"),
    )


def downgrade() -> None:
    op.drop_table("unusable_count")

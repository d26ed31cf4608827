"""Subjects say themselves, signed, since when they have no order, in place of a table without MACs."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_table("subject_without_order")
    with op.batch_alter_table("subject") as batch:
        batch.add_column(sa.Column("orders_moved_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("subject") as batch:
        batch.drop_column("orders_moved_at")
    op.create_table(
        "subject_without_order",
        sa.Column("subject_id", sa.String(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("subject_id"),
    )

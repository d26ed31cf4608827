"""What a synchronisation knows is signed; whose turn it is stays without, in a table of its own.

`upgrade` signs the rows that are there (`SIGNED_SINCE`).
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sync_schedule",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("lease", sa.String(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_run_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.execute("INSERT INTO sync_schedule (id, lease, next_run_at) SELECT id, '', next_run_at FROM sync_state")
    # The row of a database without a run: the first one makes its own.
    op.execute("DELETE FROM sync_state WHERE source = ''")
    with op.batch_alter_table("sync_state") as batch:
        for column in ("lease", "lease_until", "next_run_at"):
            batch.drop_column(column)
    for table in ("sync_state", "sync_order", "sync_run"):
        with op.batch_alter_table(table) as batch:
            batch.add_column(sa.Column("row_version", sa.BigInteger(), nullable=False, server_default="0"))
            batch.add_column(sa.Column("mac", sa.LargeBinary(), nullable=False, server_default=""))


def downgrade() -> None:
    for table in ("sync_state", "sync_order", "sync_run"):
        with op.batch_alter_table(table) as batch:
            batch.drop_column("mac")
            batch.drop_column("row_version")
    with op.batch_alter_table("sync_state") as batch:
        batch.add_column(sa.Column("lease", sa.String(), nullable=False, server_default=""))
        batch.add_column(sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True))
        batch.add_column(sa.Column("next_run_at", sa.DateTime(timezone=True), nullable=True))
    op.drop_table("sync_schedule")

"""The watchlist says, signed, what it must hold. `upgrade` makes the digests of what is there."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "list_inventory",
        sa.Column("row_version", sa.BigInteger(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("total", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("watchlist_change") as batch:
        batch.add_column(sa.Column("held", sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    with op.batch_alter_table("watchlist_change") as batch:
        batch.drop_column("held")
    op.drop_table("list_inventory")

"""Servers tell each other what they have told the gates of counters."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("server_run") as batch:
        batch.add_column(sa.Column("gates", sa.JSON(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("server_run") as batch:
        batch.drop_column("gates")

"""What servers tell each other of cameras is signed; `upgrade` signs the rows that are there (`SIGNED_SINCE`)."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("camera_news") as batch:
        batch.add_column(sa.Column("row_version", sa.BigInteger(), nullable=False, server_default="0"))
        batch.add_column(sa.Column("mac", sa.LargeBinary(), nullable=False, server_default=""))


def downgrade() -> None:
    with op.batch_alter_table("camera_news") as batch:
        batch.drop_column("mac")
        batch.drop_column("row_version")

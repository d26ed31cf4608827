"""When the list was brought up to date is signed, and what the list must hold counts the numbers of its subjects.

`upgrade` signs the rows that are there, and makes the digests of the list again (`SIGNED_SINCE`).
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("watchlist_success") as batch:
        batch.add_column(sa.Column("row_version", sa.BigInteger(), nullable=False, server_default="0"))
        batch.add_column(sa.Column("mac", sa.LargeBinary(), nullable=False, server_default=""))


def downgrade() -> None:
    with op.batch_alter_table("watchlist_success") as batch:
        batch.drop_column("mac")
        batch.drop_column("row_version")

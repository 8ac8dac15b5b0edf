"""Whose records of a source are gone: a subject's export shows that chain's seals."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

LONG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """The table, with what counters still tell of records that are gone already."""
    op.create_table(
        "past_accounts",
        sa.Column("source_id", LONG, nullable=False),
        sa.Column("account_id", LONG, nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_past_accounts_account_id")),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name=op.f("fk_past_accounts_source_id")),
        sa.PrimaryKeyConstraint("source_id", "account_id", name=op.f("pk_past_accounts")),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO past_accounts (source_id, account_id) SELECT DISTINCT processes.source_id, counters.account_id "
        "FROM counters JOIN processes ON processes.id = counters.process_id JOIN sources ON sources.id = processes.source_id "
        "WHERE sources.sealed > 0"
    )

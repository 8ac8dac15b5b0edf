"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

LONG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """All tables."""
    op.create_table(
        "accounts",
        sa.Column("id", LONG, nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("feature", sa.Text(), nullable=False),
        sa.Column("package", sa.Text(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("host", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
        sa.UniqueConstraint("key", name=op.f("uq_accounts_key")),
    )
    op.create_table(
        "sources",
        sa.Column("id", LONG, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("link", sa.LargeBinary(), nullable=False),
        sa.Column("uses", sa.BigInteger(), nullable=False),
        sa.Column("made", sa.BigInteger(), nullable=False),
        sa.Column("sealed", sa.BigInteger(), nullable=False),
        sa.Column("sealed_link", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sources")),
        sa.UniqueConstraint("name", name=op.f("uq_sources_name")),
    )
    op.create_table(
        "tokens",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("made", sa.BigInteger(), nullable=False),
        sa.Column("revoked", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tokens")),
    )
    op.create_table(
        "past_keys",
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_past_keys")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "hourly",
        sa.Column("hour", sa.Integer(), nullable=False),
        sa.Column("account_id", LONG, nullable=False),
        sa.Column("q0", sa.BigInteger(), nullable=False),
        sa.Column("q1", sa.BigInteger(), nullable=False),
        sa.Column("q2", sa.BigInteger(), nullable=False),
        sa.Column("q3", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_hourly_account_id")),
        sa.PrimaryKeyConstraint("hour", "account_id", name=op.f("pk_hourly")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "processes",
        sa.Column("id", LONG, nullable=False),
        sa.Column("incarnation", sa.Text(), nullable=False),
        sa.Column("source_id", LONG, nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.BigInteger(), nullable=False),
        sa.Column("started", sa.BigInteger(), nullable=False),
        sa.Column("seen", sa.BigInteger(), nullable=False),
        sa.Column("final", sa.SmallInteger(), nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name=op.f("fk_processes_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_processes")),
        sa.UniqueConstraint("incarnation", name=op.f("uq_processes_incarnation")),
    )
    op.create_table(
        "counters",
        sa.Column("id", LONG, nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("process_id", LONG, nullable=False),
        sa.Column("account_id", LONG, nullable=False),
        sa.Column("hook", sa.Text(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("total >= 0", name=op.f("ck_counters_total")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_counters_account_id")),
        sa.ForeignKeyConstraint(["process_id"], ["processes.id"], name=op.f("fk_counters_process_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_counters")),
        sa.UniqueConstraint("key", name=op.f("uq_counters_key")),
    )
    op.create_table(
        "losses",
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("process_id", LONG, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("package", sa.Text(), nullable=False),
        sa.Column("feature", sa.Text(), nullable=False),
        sa.Column("hook", sa.Text(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("seen", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["process_id"], ["processes.id"], name=op.f("fk_losses_process_id")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_losses")),
    )
    op.create_table(
        "records",
        sa.Column("source_id", LONG, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("account_id", LONG, nullable=False),
        sa.Column("counter_id", LONG, nullable=True),
        sa.Column("total", sa.BigInteger(), nullable=True),
        sa.Column("uses", sa.BigInteger(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("marks", sa.Text(), nullable=True),
        sa.Column("origin", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("hook", sa.Text(), nullable=True),
        sa.Column("policy", sa.Text(), nullable=True),
        sa.Column("data", sa.Text(), nullable=True),
        sa.Column("amends", sa.Text(), nullable=True),
        sa.Column("amends_key", sa.LargeBinary(), nullable=True),
        sa.Column("asked_by", sa.Text(), nullable=True),
        sa.Column("why", sa.Text(), nullable=True),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("link", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_records_account_id")),
        sa.ForeignKeyConstraint(["counter_id"], ["counters.id"], name=op.f("fk_records_counter_id")),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name=op.f("fk_records_source_id")),
        sa.PrimaryKeyConstraint("source_id", "seq", name=op.f("pk_records")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("ix_records_amends_key"),
        "records",
        ["amends_key"],
        postgresql_where=sa.text("amends_key IS NOT NULL"),
        sqlite_where=sa.text("amends_key IS NOT NULL"),
    )
    op.create_index(
        op.f("uq_records_key"),
        "records",
        ["key"],
        unique=True,
        postgresql_where=sa.text("key IS NOT NULL"),
        sqlite_where=sa.text("key IS NOT NULL"),
    )

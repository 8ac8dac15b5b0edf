"""The tables. Moments are microseconds since 1970 UTC; a ``key`` is a digest of the texts that make a row unique."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
)

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Long: Final = BigInteger().with_variant(Integer, "sqlite")
"""64 bits, and on SQLite the row's own number where it is the primary key."""

sources: Final = Table(
    "sources",
    metadata,
    Column("id", Long, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("seq", BigInteger, nullable=False),
    Column("link", LargeBinary, nullable=False),
    Column("uses", BigInteger, nullable=False),
    Column("made", BigInteger, nullable=False),
    Column("sealed", BigInteger, nullable=False),
    Column("sealed_link", LargeBinary, nullable=False),
)
"""Who may send, and the end of each one's chain. A source's row is locked by whoever appends to its chain.

``sealed`` is the last record that retention has let go of, and its link; 0 where it has not.
"""

processes: Final = Table(
    "processes",
    metadata,
    Column("id", Long, primary_key=True),
    Column("incarnation", Text, nullable=False, unique=True),
    Column("source_id", ForeignKey("sources.id"), nullable=False),
    Column("host", Text, nullable=False),
    Column("pid", BigInteger, nullable=False),
    Column("started", BigInteger, nullable=False),
    Column("seen", BigInteger, nullable=False),
    Column("final", SmallInteger, nullable=False),
)
"""Incarnations of metered processes; each belongs to the source that reported it first."""

accounts: Final = Table(
    "accounts",
    metadata,
    Column("id", Long, primary_key=True),
    Column("key", LargeBinary, nullable=False, unique=True),
    Column("feature", Text, nullable=False),
    Column("package", Text),
    Column("subject", Text),
    Column("host", Text),
)
"""Who uses what, where: what uses are added up by."""

counters: Final = Table(
    "counters",
    metadata,
    Column("id", Long, primary_key=True),
    Column("key", LargeBinary, nullable=False, unique=True),
    Column("process_id", ForeignKey("processes.id"), nullable=False),
    Column("account_id", ForeignKey("accounts.id"), nullable=False),
    Column("hook", Text, nullable=False),
    Column("policy", Text, nullable=False),
    Column("total", BigInteger, nullable=False),
    CheckConstraint("total >= 0", name="total"),
)
"""The highest total that a process has reported of a hook and a subject; its name and account stay as first reported."""

records: Final = Table(
    "records",
    metadata,
    Column("source_id", ForeignKey("sources.id"), primary_key=True, autoincrement=False),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("key", LargeBinary),
    Column("kind", Text, nullable=False),
    Column("account_id", ForeignKey("accounts.id"), nullable=False),
    Column("counter_id", ForeignKey("counters.id")),
    Column("total", BigInteger),
    Column("uses", BigInteger, nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("received", BigInteger, nullable=False),
    Column("marks", Text),
    Column("origin", Text),
    Column("name", Text),
    Column("hook", Text),
    Column("policy", Text),
    Column("data", Text),
    Column("amends", Text),
    Column("amends_key", LargeBinary),
    Column("asked_by", Text),
    Column("why", Text),
    Column("salt", LargeBinary, nullable=False),
    Column("link", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
"""The ledger of record: only ever appended to. A use's texts are its counter's (``total`` is its end); others bring theirs.

``key`` is what an event or a correction may be there but once by. A use has none: its counter moves from its beginning to its
end in the same transaction, or the transaction fails, and a counter never moves back.
"""

past_keys: Final = Table(
    "past_keys",
    metadata,
    Column("key", LargeBinary, primary_key=True),
    sqlite_with_rowid=False,
)
"""The keys of records that are gone: what they recorded is still there but once."""

past_accounts: Final = Table(
    "past_accounts",
    metadata,
    Column("source_id", ForeignKey("sources.id"), primary_key=True, autoincrement=False),
    Column("account_id", ForeignKey("accounts.id"), primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)
"""Of which accounts a source had records that are gone: whoever they were of still gets that chain and its seals."""

hourly: Final = Table(
    "hourly",
    metadata,
    Column("hour", Integer, primary_key=True, autoincrement=False),
    Column("account_id", ForeignKey("accounts.id"), primary_key=True, autoincrement=False),
    Column("q0", BigInteger, nullable=False),
    Column("q1", BigInteger, nullable=False),
    Column("q2", BigInteger, nullable=False),
    Column("q3", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""Uses by hour since 1970 UTC and account, kept with the records in one transaction.

Four columns for its quarters: a day in Kolkata or Kathmandu does not begin at a whole hour of UTC.
"""

losses: Final = Table(
    "losses",
    metadata,
    Column("key", LargeBinary, primary_key=True),
    Column("process_id", ForeignKey("processes.id"), nullable=False),
    Column("reason", Text, nullable=False),
    Column("package", Text, nullable=False),
    Column("feature", Text, nullable=False),
    Column("hook", Text, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("seen", BigInteger, nullable=False),
)
"""What processes could not count, cumulative as counters are."""

tokens: Final = Table(
    "tokens",
    metadata,
    Column("id", Text, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("name", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("source", Text),
    Column("subject", Text),
    Column("made", BigInteger, nullable=False),
    Column("revoked", BigInteger),
)
"""Who may come in."""

_AMENDING = records.c.amends_key.is_not(None)
Index(None, records.c.amends_key, postgresql_where=_AMENDING, sqlite_where=_AMENDING)
_KEYED = records.c.key.is_not(None)
Index("uq_records_key", records.c.key, unique=True, postgresql_where=_KEYED, sqlite_where=_KEYED)

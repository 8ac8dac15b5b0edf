"""What alembic runs: the migrations, on the connection that the ledger gives it, in the transaction that is under way."""

from alembic import context

from meterize_ledger.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=True)
context.run_migrations()

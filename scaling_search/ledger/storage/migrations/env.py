"""Alembic's entry: the migrations run on the connection, and in the transaction, that the ledger hands over."""

from alembic import context

from scaling_search.ledger.storage.schema import VERSION_TABLE

context.configure(connection=context.config.attributes["connection"], version_table=VERSION_TABLE)
with context.begin_transaction():
    context.run_migrations()

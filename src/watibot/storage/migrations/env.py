"""Alembic's entry: runs the migrations over the connection that `schema.py` opened and locked."""

from alembic import context

from watibot.storage.all_tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # The caller's transaction spans all of it, on SQLite too.
    transactional_ddl=False,
)
context.run_migrations()

"""Alembic's entrance: migrates over the connection that `store.open_store` gives, in its transaction."""

from alembic import context

from compliance.review.schema import metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True
)
context.run_migrations()

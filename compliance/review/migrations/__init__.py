"""How the review data came to its present tables: Alembic's scripts, run when a store is opened."""

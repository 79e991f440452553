"""The trail, decisions and runs, and the triggers that keep them append-only."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = ("trail", "decisions", "runs", "run_findings")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "trail",
        sa.Column("entry", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False, unique=True),
    )
    op.create_table(
        "decisions",
        sa.Column("decision", sa.Integer, primary_key=True),
        sa.Column("entry", sa.Integer, sa.ForeignKey("trail.entry"), nullable=False),
        sa.Column("finding_id", sa.Text, nullable=False, index=True),
        sa.Column("rule", sa.String(16), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("expires_on", sa.String(10)),
        sa.Column("assignee", sa.Text),
        sa.Column("due_on", sa.String(10)),
        sa.Column("stated", sa.String(64), nullable=False),
        sa.UniqueConstraint("entry", "finding_id"),
    )
    op.create_table(
        "runs",
        sa.Column("run", sa.Integer, primary_key=True),
        sa.Column("entry", sa.Integer, sa.ForeignKey("trail.entry"), nullable=False),
        sa.Column("run_id", sa.String(12), nullable=False),
        sa.Column("source", sa.Text, nullable=False, index=True),
        sa.Column("records", sa.String(64), nullable=False),
        sa.Column("policies", sa.String(64), nullable=False),
        sa.Column("program", sa.String(32), nullable=False),
        sa.Column("as_of", sa.String(10), nullable=False),
        sa.Column("visits", sa.Integer, nullable=False),
        sa.Column("dollars", sa.Float, nullable=False),
    )
    op.create_table(
        "run_findings",
        sa.Column("run", sa.Integer, sa.ForeignKey("runs.run"), primary_key=True),
        sa.Column("finding_id", sa.Text, primary_key=True),
        sa.Column("rule", sa.String(16), nullable=False),
        sa.Column("severity", sa.String(8), nullable=False),
        sa.Column("service_date", sa.String(10)),
        sa.Column("patient_id", sa.Text),
        sa.Column("therapist_id", sa.Text),
        sa.Column("payer_id", sa.Text),
        sa.Column("claim_id", sa.Text),
        sa.Column("note_id", sa.Text),
        sa.Column("amount", sa.Float, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
    )
    for table in TABLES:
        _append_only(table)


def _append_only(table: str) -> None:
    """Refuse every change and deletion of the table's rows, whoever asks."""
    if op.get_bind().dialect.name == "sqlite":
        for act in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{act.lower()} BEFORE {act} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
        return
    op.execute(
        f"CREATE FUNCTION {table}_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{table} is append-only'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_append_only()"
    )

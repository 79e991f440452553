"""The tables of the review data, as the newest migration leaves them (`migrations/versions`).

Every table is append-only: triggers refuse a change and a deletion. Moments are UTC, as ISO text, so that the bytes
that the trail hashes are the same on every database.
"""

from sqlalchemy import Column, Float, ForeignKey, Integer, MetaData, String, Table, Text, UniqueConstraint

metadata = MetaData()

trail = Table(
    "trail",
    metadata,
    Column("entry", Integer, primary_key=True, autoincrement=False),
    Column("at", String(32), nullable=False),
    Column("person", Text, nullable=False),
    Column("action", String(32), nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
)
"""One row an act, numbered without gaps from 1; `hash` covers the row and the hash of the row before."""

decisions = Table(
    "decisions",
    metadata,
    Column("decision", Integer, primary_key=True),
    Column("entry", Integer, ForeignKey("trail.entry"), nullable=False),
    Column("finding_id", Text, nullable=False, index=True),
    Column("rule", String(16), nullable=False),
    Column("status", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("expires_on", String(10)),
    Column("assignee", Text),
    Column("due_on", String(10)),
    Column("stated", String(64), nullable=False),
    UniqueConstraint("entry", "finding_id"),
)
"""One row a finding that was decided; `stated` is the digest of what the finding said then."""

runs = Table(
    "runs",
    metadata,
    Column("run", Integer, primary_key=True),
    Column("entry", Integer, ForeignKey("trail.entry"), nullable=False),
    Column("run_id", String(12), nullable=False),
    Column("source", Text, nullable=False, index=True),
    Column("records", String(64), nullable=False),
    Column("policies", String(64), nullable=False),
    Column("program", String(32), nullable=False),
    Column("as_of", String(10), nullable=False),
    Column("visits", Integer, nullable=False),
    Column("dollars", Float, nullable=False),
)
"""One row an audit that was kept: of which records, by which policies, as of which day."""

run_findings = Table(
    "run_findings",
    metadata,
    Column("run", Integer, ForeignKey("runs.run"), primary_key=True),
    Column("finding_id", Text, primary_key=True),
    Column("rule", String(16), nullable=False),
    Column("severity", String(8), nullable=False),
    Column("service_date", String(10)),
    Column("patient_id", Text),
    Column("therapist_id", Text),
    Column("payer_id", Text),
    Column("claim_id", Text),
    Column("note_id", Text),
    Column("amount", Float, nullable=False),
    Column("message", Text, nullable=False),
)
"""The findings of each run, as far as it takes to say what was fixed once they are gone."""

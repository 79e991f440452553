"""Runs that were kept, and what changed between them: new, fixed, reopened.

A run is one audit of one source (the folder that was loaded). The same records under the same policies on the same day
are the same run. A finding is `new` where no earlier run of its source had it, `reopened` where an earlier one had it
but the last did not, `fixed` where the last run had it and this one does not though it judged the same claim or note.
Where the claim or note is no longer among the records, or the rule did not run, it is `unseen`: nobody fixed it.
"""

import hashlib
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.metadata import version
from pathlib import Path

import polars as pl

from compliance.audit import Audit
from compliance.policy import Policies
from compliance.records.load import Records
from compliance.risk import summary

RUN_FINDINGS = ("finding_id", "rule", "severity", "service_date", "patient_id", "therapist_id", "payer_id", "claim_id",
                "note_id", "amount", "message")  # fmt: skip
"""What is kept of a finding."""


@dataclass(frozen=True)
class Run:
    """An audit to keep: whose records (`source`), the digests of records and policies, the program's version, the day.

    `findings` has RUN_FINDINGS (dates as ISO text); `visits` counts what was checked; `dollars` are at risk, each line once.
    """

    source: str
    records: str
    policies: str
    program: str
    as_of: date
    visits: int
    dollars: float
    findings: pl.DataFrame

    @property
    def run_id(self) -> str:
        """The same for the same records, policies, program and day: twelve hexadecimal digits."""
        told = "|".join([self.records, self.policies, self.program, self.as_of.isoformat()])
        return hashlib.sha256(told.encode()).hexdigest()[:12]


def run_of(result: Audit, records: Records, policies: Policies, source: str) -> Run:
    """An audit as a run to keep."""
    figures = summary(result)
    return Run(
        source=source,
        records=records.fingerprint,
        policies=policies.fingerprint,
        program=program(),
        as_of=result.as_of,
        visits=figures["visits"],
        dollars=figures["dollars"],
        findings=kept_findings(result.findings),
    )


@cache
def program() -> str:
    """The program's version with a digest of everything that decides what it finds: `0.1.0+1f0c9a2b`."""
    here = Path(__file__).parent.parent
    hashed = hashlib.sha256()
    for room in ("checks", "notes", "records"):
        for file in sorted(each for each in (here / room).rglob("*") if each.suffix in (".py", ".yaml")):
            hashed.update(file.relative_to(here).as_posix().encode() + file.read_bytes())
    for file in sorted(here.glob("*.py")):
        hashed.update(file.name.encode() + file.read_bytes())
    return f"{version('therapy-compliance')}+{hashed.hexdigest()[:8]}"


def kept_findings(findings: pl.DataFrame) -> pl.DataFrame:
    """An audit's findings as a run keeps them."""
    return findings.with_columns(
        service_date=pl.col("service_date").dt.strftime("%Y-%m-%d"), amount="amount_at_risk"
    ).select(RUN_FINDINGS)


@dataclass(frozen=True)
class Present:
    """What this run could judge: the rules that ran, and the patients, claims and notes of its records."""

    rules: frozenset[str]
    patients: pl.Series
    claims: pl.Series
    notes: pl.Series

    @classmethod
    def of(cls, result: Audit, records: Records) -> "Present":
        """What an audit of these records could judge."""
        ran = frozenset(result.rules) - {lack.rule for lack in result.not_run}
        held = {"patients": "patient_id", "claims": "claim_id", "notes": "note_id"}
        keys = {table: records.tables[table][key].drop_nulls().unique() for table, key in held.items()}
        return cls(ran, **keys)

    def judges(self) -> pl.Expr:
        """Whether a kept finding's rule ran and all that it names is still there."""

        def there(name: str, held: pl.Series) -> pl.Expr:
            return pl.col(name).is_null() | pl.col(name).is_in(held.implode())

        return (
            pl.col("rule").is_in(list(self.rules))
            & there("patient_id", self.patients)
            & there("claim_id", self.claims)
            & there("note_id", self.notes)
        )


def changes(now: pl.DataFrame, last: pl.DataFrame, ever: pl.Series, present: Present) -> pl.DataFrame:
    """What changed: RUN_FINDINGS with `change` (`new`, `reopened`, `same`, `fixed`, `unseen`).

    `now` and `last` are the findings of this run and of the one before it; `ever` the ids of all runs before. What is only
    worth knowing (severity info) is nobody's work and counts as not there: a report that was due and is overdue now is new.
    """
    now, last = (found.filter(pl.col("severity") != "info") for found in (now, last))
    before = pl.col("finding_id").is_in(last["finding_id"].implode())
    known = pl.col("finding_id").is_in(ever.implode())
    change = (
        pl.when(before).then(pl.lit("same")).when(known).then(pl.lit("reopened")).otherwise(pl.lit("new"))
    )
    gone = last.join(now.select("finding_id"), on="finding_id", how="anti")
    left = pl.when(present.judges()).then(pl.lit("fixed")).otherwise(pl.lit("unseen"))
    return pl.concat([now.select(*RUN_FINDINGS, change=change), gone.select(*RUN_FINDINGS, change=left)])

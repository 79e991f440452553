"""What the pages show, as frames: root causes, families, the overview's sentence, what an export lacks.

Pure: an audit and its filtered parts in, Polars frames and plain sentences out. `compliance.risk` holds the statistics.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from compliance import formats, risk
from compliance.audit import Audit, visit_findings
from compliance.checks.rule import catalogue
from compliance.rulebook import FAMILIES

REAL = pl.col("severity") != "info"
SUBJECT_WORDS = {
    "line": "line", "note": "note", "plan": "plan of care", "goal": "goal", "claim": "claim",
    "authorization": "authorization", "patient_day": "patient day", "patient_month": "patient month",
    "period": "report period", "therapist_day": "therapist day", "therapist": "therapist", "payer": "payer",
}  # fmt: skip


@dataclass(frozen=True)
class Narrowed:
    """An audit under the page's filters: `audit` holds only what they let through, `shares` its dollars."""

    audit: Audit
    shares: pl.DataFrame
    valued: pl.DataFrame


def narrowed(whole: Audit, apply: Any, rules_chosen: bool) -> Narrowed:
    """The audit under filters. `apply` takes a frame and returns the rows let through.

    Visits count only the findings let through; where rules are chosen, dollars too are attributed among them.
    """
    found = apply(whole.findings)
    visits = apply(whole.visits)
    lines = apply(whole.lines)
    coverage = apply(whole.coverage.with_columns(service_date=pl.col("week"))).drop("service_date")
    if rules_chosen or found.height != whole.findings.height:
        visits = _recounted(visits, found, whole.lines)
    shares = risk.at_risk(found, whole.lines)
    audit = replace(whole, findings=found, visits=visits, lines=lines, coverage=coverage)
    return Narrowed(audit, shares, risk.with_dollars(found, shares))


def _recounted(visits: pl.DataFrame, found: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """Visits with `findings` counted among these findings only."""
    key = ["patient_id", "discipline", "service_date"]
    notes = lines.select("note_id", *key).drop_nulls("note_id").unique("note_id", maintain_order=True)
    hits = visit_findings(found, lines, notes).group_by(key).agg(findings=pl.col("finding_id").n_unique())
    return (
        visits.drop("findings")
        .join(hits, on=key, how="left", maintain_order="left")
        .with_columns(pl.col("findings").fill_null(0))
    )


def overview_sentence(figures: Mapping[str, float]) -> str:
    """What was loaded and what was found, in one sentence with the numbers in it."""
    return (
        f"{formats.plural(int(figures['visits']), 'visit')} on {formats.plural(int(figures['claims']), 'claim')}: "
        f"{formats.plural(int(figures['findings']), 'finding')} on {formats.plural(int(figures['claims_hit']), 'claim')}, "
        f"{formats.money(figures['dollars'])} at risk."
    )


def unknowns_sentence(coverage: pl.DataFrame, visits: int) -> str:
    """What could not be told, and the facts that were missing most often."""
    told = coverage.group_by("missing").agg(pl.col("cannot_tell").sum()).drop_nulls("missing")
    checks = int(told["cannot_tell"].sum())
    if not checks:
        return "Every check on these visits had the facts that it needs."
    top = told.sort(["cannot_tell", "missing"], descending=[True, False]).head(3)
    facts = ", ".join(
        f"{fact_words(row['missing'])} ({row['cannot_tell']:,})" for row in top.iter_rows(named=True)
    )
    return f"{formats.plural(checks, 'check')} on {formats.plural(visits, 'visit')} could not be told: {facts} missing."


def fact_words(fact: str) -> str:
    """A column as a person says it: `notes.written_at` is `written at (notes)`."""
    table, _, column = fact.partition(".")
    return f"{column.replace('_', ' ')} ({table.replace('_', ' ')})" if column else fact.replace("_", " ")


def root_causes(valued: pl.DataFrame, shares: pl.DataFrame) -> pl.DataFrame:
    """What to fix first: one row a cause, by dollars, then by findings.

    One unsigned plan or one overdue report is one cause, however many lines it puts at risk; findings of single
    lines and notes are gathered by rule and therapist. Columns: rule, therapist_id, patient_id, finding_id (of the
    largest), findings, lines, dollars, message.
    """
    single = pl.col("subject").is_in(["line", "note", "goal"])
    lines = shares.group_by("finding_id").agg(lines=pl.len())
    return (
        valued.filter(REAL)
        .join(lines, on="finding_id", how="left")
        .with_columns(
            cause=pl.when(single)
            .then(pl.concat_str("rule", pl.col("therapist_id").fill_null(""), separator="|"))
            .otherwise(pl.col("finding_id"))
        )
        .sort(["dollars", "finding_id"], descending=[True, False])
        .group_by("cause", maintain_order=True)
        .agg(
            pl.col("rule", "subject", "therapist_id", "patient_id", "finding_id", "message").first(),
            findings=pl.len(),
            lines=pl.col("lines").fill_null(0).sum(),
            dollars=pl.col("dollars").sum(),
        )
        .sort(["dollars", "findings", "cause"], descending=[True, True, False])
    )


def by_severity(valued: pl.DataFrame, key: str) -> pl.DataFrame:
    """Dollars (each line once) and findings per `key` and severity; key may be `family` (the rule's)."""
    if key == "family":
        valued = valued.with_columns(family=family_names(valued["rule"]))
    return (
        valued.group_by(key, "severity")
        .agg(dollars=pl.col("dollars").sum(), findings=pl.len())
        .sort(key, "severity")
    )


def family_names(rules: pl.Series) -> pl.Series:
    """The family of each rule code, in words."""
    codes = rules.str.split("-").list.first()
    return codes.replace_strict(FAMILIES, default=codes).alias("family")


def catalogue_table(result: Audit) -> pl.DataFrame:
    """The catalogue as run here: code, title, family, severity, unit, the four counts, findings, status."""
    lacks = {lack.rule: lack.because for lack in result.not_run}
    counts = result.coverage.group_by("rule").agg(
        pl.col("passed", "failed", "cannot_tell", "not_applicable").sum()
    )
    found = result.findings.group_by("rule").agg(findings=REAL.sum())
    rows = [
        {
            "rule": rule.code,
            "title": rule.title,
            "family": FAMILIES.get(rule.family, rule.family),
            "severity": rule.severity,
            "unit": rule.unit,
            "here": f"not run: {lacks[rule.code]}" if rule.code in lacks else "ran",
        }
        for rule in catalogue().values()
    ]
    numbers = ("passed", "failed", "cannot_tell", "not_applicable", "findings")
    return (
        pl.DataFrame(rows)
        .join(counts, on="rule", how="left", maintain_order="left")
        .join(found, on="rule", how="left", maintain_order="left")
        .with_columns(pl.col(numbers).fill_null(0))
    )


def payer_table(view: Narrowed) -> pl.DataFrame:
    """The risk table per payer with findings per 100 claims and the share of checks that could not be told."""
    table = risk.risk_table(view.audit, "payer")
    checks = pl.col("passed") + pl.col("failed") + pl.col("cannot_tell")
    return table.with_columns(
        per_100=pl.when(pl.col("claims") > 0).then(100 * pl.col("findings") / pl.col("claims")),
        cannot_tell_share=pl.when(checks > 0).then(pl.col("cannot_tell") / checks),
    )


def others_on(finding: Mapping[str, Any], findings: pl.DataFrame) -> list[tuple[str, str]]:
    """Other findings on the same claim line or note: (finding_id, rule)."""
    same = pl.lit(False)
    if finding["claim_id"] is not None and finding["line"] is not None:
        same = same | ((pl.col("claim_id") == finding["claim_id"]) & (pl.col("line") == finding["line"]))
    if finding["note_id"] is not None:
        same = same | (pl.col("note_id") == finding["note_id"])
    others = findings.filter(same.fill_null(False) & (pl.col("finding_id") != finding["finding_id"]))
    return list(others.select("finding_id", "rule").iter_rows())

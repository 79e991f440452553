"""The rules as they ran here."""

from collections.abc import Mapping, Sequence

import polars as pl

from compliance import formats
from compliance.audit import Audit
from compliance.chart_theme import SEVERITIES
from compliance.checks.rule import catalogue
from compliance.rulebook import FAMILIES, by_family
from compliance.views.findings import signed_severities
from compliance.views.narrowed import REAL


def catalogue_table(result: Audit) -> pl.DataFrame:
    """The catalogue as run here, by family: rule, title, code_of_family, family, severity, unit, counts, findings, info, here.

    `severity` is the worst of the rule's findings here; where it found nothing, the one that it declares.
    """
    lacks = {lack.rule: lack.because for lack in result.not_run}
    counts = result.coverage.group_by("rule").agg(
        pl.col("passed", "failed", "cannot_tell", "not_applicable").sum()
    )
    place = pl.col("severity").replace_strict({each: rank for rank, each in enumerate(SEVERITIES)})
    graded = result.findings.with_columns(place=place).sort("place")
    found = graded.group_by("rule", maintain_order=True).agg(
        findings=REAL.sum(), info=(~REAL).sum(), given=pl.col("severity").first()
    )
    rows = [
        {
            "rule": rule.code,
            "title": rule.title,
            "code_of_family": rule.family,
            "family": FAMILIES.get(rule.family, rule.family),
            "severity": rule.severity,
            "unit": rule.unit,
            "here": _ran_here(rule.code, lacks, result.rules),
        }
        for rules in by_family().values()
        for rule in rules
    ]
    numbers = ("passed", "failed", "cannot_tell", "not_applicable", "findings", "info")
    return (
        pl.DataFrame(rows)
        .join(counts, on="rule", how="left", maintain_order="left")
        .join(found, on="rule", how="left", maintain_order="left")
        .with_columns(pl.col(numbers).fill_null(0), severity=pl.coalesce("given", "severity"))
        .drop("given")
    )


def rule_called(name: str | None) -> str | None:
    """The code of the rule that goes by a name: its code, or another that it is also called by; None of nothing."""
    named = {other: code for code, rule in catalogue().items() for other in (*rule.also, code)}
    return named.get((name or "").upper())


def chosen_rules(table: pl.DataFrame, family: str | None, search: str) -> pl.DataFrame:
    """The rules of a family (its code; None: all) whose code, title or unit holds `search`; `table` as `catalogue_table`."""
    text = pl.concat_str("rule", "title", "unit", "family", separator=" ").str.to_lowercase()
    of_family = pl.lit(True) if family is None else pl.col("code_of_family") == family
    return table.filter(of_family, text.str.contains(search.strip().lower(), literal=True))


def family_counts(table: pl.DataFrame) -> dict[str, str]:
    """Families by their code, named with the number of their rules: `Progress reports (5)`."""
    counted = table.group_by("code_of_family", "family", maintain_order=True).len()
    return {code: f"{name} ({number})" for code, name, number in counted.iter_rows()}


def _ran_here(code: str, lacks: Mapping[str, str], ran: Sequence[str]) -> str:
    if code in lacks:
        return f"not run: {lacks[code]}"
    return "ran" if code in ran else "not run here"


def health_sheet(rows: pl.DataFrame) -> pl.DataFrame:
    """Rules' health (`review.health.rule_health`) with headings; rates with n, N and interval, a dash where none was decided."""
    words = [
        formats.rate(row["confirmed"], row["decided"], row["share_low"], row["share_high"])
        if row["decided"]
        else formats.NOTHING
        for row in rows.iter_rows(named=True)
    ]
    return rows.select(
        Rule=pl.col("rule"),
        Title=pl.col("rule").replace_strict(
            {code: rule.title for code, rule in catalogue().items()}, default=""
        ),
        Findings="findings",
        Confirmed=pl.Series(words, dtype=pl.String),
        Judged="judged",
        **{"Cannot tell": "cannot_tell", "Days to clear, median": pl.col("days_to_clear").round(1)},
    )


def rule_named(code: str) -> str:
    """A rule by its code and title."""
    return f"{code} {catalogue()[code].title}"


def found_words(rule: str, findings: int, info: int) -> str:
    """What a rule found, as words to follow: `32 findings of PR-01`, `4 findings and 6 worth knowing of PAY-01`."""
    told = [formats.plural(findings, "finding")] if findings or not info else []
    told += [f"{formats.count(info)} worth knowing"] if info else []
    return f"{formats.listed(told)} of {rule}"


def catalogue_sheet(table: pl.DataFrame) -> pl.DataFrame:
    """The catalogue with the headings that people read; `table` as `catalogue_table` gives it."""
    return table.select(
        pl.col("rule").alias("Rule"),
        pl.col("title").alias("Title"),
        pl.col("severity").replace_strict(signed_severities()).alias("Severity"),
        pl.col("findings").alias("Findings"),
        pl.col("here").alias("Here"),
        pl.col("info").alias("Worth knowing"),
        pl.col("passed").alias("Passed"),
        pl.col("failed").alias("Failed"),
        pl.col("cannot_tell").alias("Cannot tell"),
        pl.col("not_applicable").alias("Does not apply"),
        pl.col("unit").alias("Judged once a"),
        pl.col("family").alias("Family"),
    )

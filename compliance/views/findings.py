"""Findings as a list, and what the card of one says beside its evidence."""

import re
from collections.abc import Mapping
from typing import Any

import polars as pl

from compliance import risk
from compliance.audit import LINE_ITEMS
from compliance.chart_theme import SEVERITIES, SEVERITY_SIGNS
from compliance.checks.rule import Rule


def others_on(finding: Mapping[str, Any], findings: pl.DataFrame) -> list[tuple[str, str]]:
    """Other findings on the same claim line or note: (finding_id, rule)."""
    same = pl.lit(False)
    if finding["claim_id"] is not None and finding["line"] is not None:
        same = same | ((pl.col("claim_id") == finding["claim_id"]) & (pl.col("line") == finding["line"]))
    if finding["note_id"] is not None:
        same = same | (pl.col("note_id") == finding["note_id"])
    others = findings.filter(same.fill_null(False) & (pl.col("finding_id") != finding["finding_id"]))
    return list(others.select("finding_id", "rule").iter_rows())


def listed(found: pl.DataFrame, search: str = "", said: pl.Series | None = None) -> pl.DataFrame:
    """Findings as the list shows them: by severity, then dollars, values to look up last; only those that hold `search`.

    `said`: the messages as they stand on screen, where names are hidden.
    """
    if search:
        fields = pl.concat_str(
            pl.lit(said) if said is not None else pl.col("message"),
            "claim_id",
            "note_id",
            "plan_id",
            "rule",
            "finding_id",
            separator=" ",
            ignore_nulls=True,
        )
        found = found.filter(fields.str.to_lowercase().str.contains(search.strip().lower(), literal=True))
    order = {severity: place for place, severity in enumerate(SEVERITIES)}
    return found.sort(
        pl.col("severity").replace_strict(order, return_dtype=pl.Int8), risk.unread(), "dollars", "service_date",
        "finding_id", descending=[False, False, True, False, False],
    )  # fmt: skip


def sheet(found: pl.DataFrame) -> pl.DataFrame:
    """Findings with the headings that people read; ids and sentences as given, `Dismissed: ` before those that are."""
    decided = "standing" in found.columns
    return found.select(
        pl.col("severity").replace_strict(signed_severities()).alias("Severity"),
        pl.col("rule").alias("Rule"),
        pl.col("service_date").cast(pl.Date).alias("Service"),
        pl.col("dollars").round(2).alias("At risk"),
        (pl.concat_str(_prefix(), "message") if decided else pl.col("message")).alias("What was found"),
        pl.col("therapist_id").alias("Therapist"),
        pl.col("patient_id").alias("Patient"),
        pl.col("payer_id").alias("Payer"),
        pl.col("claim_id").alias("Claim"),
        pl.col("line").alias("Line"),
        pl.col("note_id").alias("Note"),
        *([pl.col("standing").alias("Standing")] if decided else []),
    )


def _prefix() -> pl.Expr:
    """What stands before a sentence: a column of its own would leave a narrow list no room for it."""
    return pl.when(pl.col("standing") == "dismissed").then(pl.lit("Dismissed: ")).otherwise(pl.lit(""))


def signed_severities() -> dict[str, str]:
    """Severities with their sign: `▲ high`."""
    return {severity: f"{SEVERITY_SIGNS[severity]} {severity}" for severity in SEVERITIES}


def lines_at_risk(finding: Mapping[str, Any], lines: pl.DataFrame) -> pl.DataFrame:
    """Every line that a finding puts at risk: claim_id, line, service_date, cpt, units, amount, amount_basis."""
    named = pl.Series("item", [finding["lines"]], dtype=pl.String).str.json_decode(LINE_ITEMS)
    items = named.to_frame().explode("item").unnest("item").drop_nulls("claim_id")
    facts = lines.select("claim_id", "line", "service_date", "cpt", "units", "amount_basis")
    return items.join(facts, on=["claim_id", "line"], how="left", maintain_order="left")


def why(rule: Rule) -> tuple[str, str]:
    """The rule's own sentence and the first paragraph of why it matters, from its page."""
    first, _, body = rule.page.partition("\n\n")
    _, _, after = body.partition("## Why it matters")
    paragraph = after.strip().partition("\n\n")[0]
    return _plain(first), _plain(paragraph)


EMPHASIS = re.compile(r"\*([^*]+)\*|`([^`]+)`")


def _plain(markdown: str) -> str:
    """A paragraph of a rule's page as a plain sentence in one line: what is quoted stands between quotation marks."""
    return " ".join(EMPHASIS.sub(lambda found: f"“{found[1] or found[2]}”", markdown).split())

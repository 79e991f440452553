"""Findings by rule, what could not be told and what did not run; as data for the template."""

from typing import Any

import polars as pl

from compliance import formats, risk, views
from compliance.checks.rule import catalogue
from compliance.reports.subject import Subject

AT_RISK_OR_LOW = ("high", "medium", "low")
"""Severities of findings that count, the severest first."""


def page(subject: Subject) -> dict[str, Any]:
    """The data of the pages by rule."""
    table = risk.risk_table(subject.audit, "rule")
    found = pl.col("findings") + pl.col("info") > 0
    judged = table.filter(~found & (pl.col("of") > 0))["rule"].sort().to_list()
    untold = table.filter(~found & (pl.col("of") == 0) & (pl.col("cannot_tell") > 0))["rule"].sort().to_list()
    return {
        "rows": [_row(row) for row in table.filter(found).iter_rows(named=True)],
        "total": formats.money(subject.figures["dollars"]),
        "findings": formats.count(int(subject.figures["findings"])),
        "info": formats.count(int(subject.figures["info"])),
        "clean": judged,
        "untold": untold,
        "unknown": [
            [fact, formats.count(checks), rules]
            for fact, checks, rules, *_ in views.records.unknown_sheet(subject.audit.coverage).iter_rows()
        ],
        "not_run": [
            list(row) for row in views.records.not_run_sheet(subject.audit).drop("In the records").iter_rows()
        ],
        "refused": formats.refused(subject.records.report),
        "left_out": [each.message for each in subject.records.report.left_out],
    }


def _row(row: dict[str, Any]) -> dict[str, Any]:
    rule = catalogue()[row["rule"]]
    return {
        "rule": rule.code,
        "title": rule.title,
        "severity": views.findings.signed_severities()[
            next((each for each in AT_RISK_OR_LOW if row[each]), "info")
        ],
        "unit": rule.unit,
        "rate": formats.rate(row["n"], row["of"], row["share_low"], row["share_high"]),
        "findings": formats.count(row["findings"]),
        "info": formats.count(row["info"]) if row["info"] else "",
        "dollars": formats.money(row["dollars"]) if row["dollars"] else formats.NOTHING,
        "cannot_tell": formats.count(row["cannot_tell"]),
    }

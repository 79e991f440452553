"""How well findings agree with planted violations: recall of what was planted, precision of what was found.

A finding and a truth row of one rule agree where they share a note, a claim line (the finding's own or one of its
`lines`), a plan or a goal; a truth row on a period, which has no key of its own, agrees with a finding on the same
patient and discipline, one on a therapist or on a patient's chart with a finding on the same. Debatable rows may be
found and need not be: they count for precision only.
"""

from pathlib import Path

import polars as pl

from compliance.checks.rule import catalogue
from compliance.records.load import InputError

KEYS = (
    "rule",
    "claim_id",
    "line",
    "note_id",
    "plan_id",
    "goal_id",
    "patient_id",
    "discipline",
    "therapist_id",
)
GOAL_OF_EVIDENCE = r'"goal_id": ?"([^"]+)"'
"""Findings name their goal among the facts of their evidence."""
LINES = pl.List(pl.Struct({"claim_id": pl.String, "line": pl.Int64}))
COLUMNS = ("planted", "recalled", "findings", "matched", "recall", "precision")


def read(file: Path) -> pl.DataFrame:
    """The truth table of a file. Raises InputError, one line, where it holds none."""
    expected = "expected the CSV that synth writes: rule, and claim_id and line, note_id, plan_id or goal_id"
    try:
        truth = pl.read_csv(file.read_bytes(), infer_schema=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        why = getattr(error, "strerror", None) or (str(error) or type(error).__name__).splitlines()[0]
        raise InputError(f"{file}: {why} ({expected})") from None
    if "rule" not in truth.columns or not set(KEYS[1:]) & set(truth.columns):
        raise InputError(f"{file}: its columns are {', '.join(truth.columns[:6])} ({expected})")
    lines = truth["line"].drop_nulls() if "line" in truth.columns else pl.Series([], dtype=pl.String)
    if (strange := lines.filter(~lines.str.contains(r"^\d+$"))).len():
        raise InputError(f"{file}, column line: {strange[0]!r} is no number of a line ({expected})")
    unknown = [code for code in truth["rule"].unique(maintain_order=True) if code not in catalogue()]
    if unknown:
        raise InputError(f"{file}, column rule: {unknown[0] or 'nothing'} is no rule ({expected})")
    return truth


def compare(findings: pl.DataFrame, truth: pl.DataFrame) -> pl.DataFrame:
    """Per rule: `planted`, `recalled`, `findings`, `matched`, `recall` and `precision` (null where there is nothing).

    `findings` has the contract's columns (its `goal_id` is optional); `truth` has rule, claim_id, line, note_id, and
    where it carries them plan_id, goal_id, patient_id, discipline, subject and debatable. An empty cell is no key.
    Findings of severity `info` count only where they agree with the truth.
    """
    planted = _keyed(truth).with_row_index("row")
    found = _keyed(findings).with_row_index("row")
    info = pl.col("severity") == "info" if "severity" in findings.columns else pl.lit(False)
    found = found.with_columns(info=findings.select(info.fill_null(False).alias("info"))["info"])
    pairs = _pairs(planted, _with_lines(found, findings))
    planted = planted.with_columns(hit=pl.col("row").is_in(pairs["planted"].implode()))
    found = found.with_columns(hit=pl.col("row").is_in(pairs["found"].implode()))
    certain = planted.filter(~pl.col("debatable"))
    said = found.filter(~pl.col("info") | pl.col("hit"))
    recalled = certain.group_by("rule").agg(planted=pl.len(), recalled=pl.col("hit").sum())
    matched = said.group_by("rule").agg(findings=pl.len(), matched=pl.col("hit").sum())
    return (
        recalled.join(matched, on="rule", how="full", coalesce=True)
        .with_columns(pl.col("planted", "recalled", "findings", "matched").fill_null(0).cast(pl.Int64))
        .with_columns(recall=_share("recalled", "planted"), precision=_share("matched", "findings"))
        .select("rule", *COLUMNS)
        .sort("rule")
    )


def summarise(compared: pl.DataFrame) -> str:
    """The comparison as lines of text, the sum of all rules last."""
    total = compared.select(pl.col("planted", "recalled", "findings", "matched").sum()).with_columns(
        rule=pl.lit("all"), recall=_share("recalled", "planted"), precision=_share("matched", "findings")
    )
    lines = [
        f"{'rule':<8}{'planted':>8}{'recalled':>9}{'recall':>9}{'findings':>10}{'matched':>9}{'precision':>11}"
    ]
    for row in pl.concat([compared, total.select(compared.columns)]).iter_rows(named=True):
        lines.append(
            f"{row['rule']:<8}{row['planted']:>8,}{row['recalled']:>9,}{_percent(row['recall']):>9}"
            f"{row['findings']:>10,}{row['matched']:>9,}{_percent(row['precision']):>11}"
        )
    return "\n".join(lines)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"


def _share(part: str, whole: str) -> pl.Expr:
    return pl.when(pl.col(whole) > 0).then(pl.col(part) / pl.col(whole))


def _keyed(rows: pl.DataFrame) -> pl.DataFrame:
    """The keys as text, empty ones null; `period`, `person` and `debatable` as flags."""
    told = (
        pl.col("evidence").cast(pl.String).str.extract(GOAL_OF_EVIDENCE)
        if "evidence" in rows.columns
        else None
    )
    if told is not None and "goal_id" not in rows.columns:
        rows = rows.with_columns(told.alias("goal_id"))
    absent = [pl.lit(None, dtype=pl.String).alias(name) for name in KEYS if name not in rows.columns]
    rows = rows.with_columns(*absent)
    yes = ["true", "yes", "1"]
    debatable = (
        pl.col("debatable").cast(pl.String).str.to_lowercase().is_in(yes)
        if "debatable" in rows.columns
        else pl.lit(False)
    )
    subject = pl.col("subject") if "subject" in rows.columns else pl.lit("")
    period, person, patient = subject == "period", subject == "therapist", subject == "patient"
    texts = [pl.col(name).cast(pl.String).replace("", None).alias(name) for name in KEYS]
    flags = {"debatable": debatable, "period": period, "person": person, "patient": patient}
    return rows.select(*texts, **{name: flag.fill_null(False) for name, flag in flags.items()})


def _with_lines(found: pl.DataFrame, findings: pl.DataFrame) -> pl.DataFrame:
    """Findings once for each claim line that they name or put at risk."""
    if "lines" not in findings.columns:
        return found
    listed = findings.select(
        pl.col("lines").cast(pl.String).fill_null("[]").str.json_decode(LINES).alias("listed")
    ).with_row_index("row")
    exploded = (
        listed.explode("listed")
        .drop_nulls("listed")
        .unnest("listed")
        .with_columns(pl.col("line").cast(pl.String))
    )
    at_risk = found.drop("claim_id", "line").join(exploded, on="row").select(found.columns)
    return pl.concat([found, at_risk])


def _pairs(planted: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """Rows that agree: `planted` and `found` by their numbers."""
    ways = (
        (planted, ("note_id",)),
        (planted, ("claim_id", "line")),
        (planted, ("plan_id",)),
        (planted, ("goal_id",)),
        (planted.filter(pl.col("period")), ("patient_id", "discipline")),
        (planted.filter(pl.col("person")), ("therapist_id",)),
        (planted.filter(pl.col("patient")), ("patient_id",)),
    )
    together = []
    for rows, keys in ways:
        left = rows.select("rule", *keys, planted="row").drop_nulls()
        right = found.select("rule", *keys, found="row").drop_nulls()
        together.append(left.join(right, on=["rule", *keys]).select("planted", "found"))
    return pl.concat(together).unique()

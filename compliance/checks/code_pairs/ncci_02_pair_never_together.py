"""NCCI-02: two codes on one day that are never paid together."""

import narwhals as nw

from compliance.checks.code_pairs.pairs import NEVER, PAIR, PARAMETERS, paired, verdict
from compliance.checks.rule import rule


@rule(
    code="NCCI-02",
    title="Codes that are never paid together",
    severity="high",
    subject="line",
    key=PAIR,
    unit="claim line, with each code that it is paired with",
    cites=["ncci-ptp-2024q3", "mln-1783722"],
    needs=["claims.patient_id", "claim_lines.service_date", "claim_lines.cpt"],
    adds_up={"claim_lines": "day"},
    parameters=PARAMETERS,
    exposes="line",
    message="{pair_column_2} of {service_date} is never paid beside {pair_column_1} of the same day (table of {table_as_of})",
    fix="Drop {pair_column_2}; no modifier makes it payable beside {pair_column_1}.",
)
def pair_never_together(claim_lines: nw.LazyFrame, code_pairs: nw.LazyFrame) -> nw.LazyFrame:
    """Two codes were billed for one day that the payer never pays together.

    ## What it checks
    Each claim line against all other lines of the same patient, day, payer and billing provider, by the payer's table of
    code pairs as it was in force on the day. The line of column 2 is the one that falls away.

    ## Why it matters
    The column 2 code is denied, and a modifier that makes it pass is a false statement.

    ## How we read the rule
    - Only pairs of indicator 0 are judged here. No modifier helps: 95851 with 59 beside 97530 is a finding.
    - A pair counts only on days on which it was in force.
    - The hospital table differs in some pairs: beside an evaluation, 97750, 97755 and 97763 can be separated there, and never
      on a professional claim.
    - Lines pair as in NCCI-01: one therapist's, or one group's in one discipline; in a facility all disciplines.
    - Where it is not known whether two therapists are of one discipline, it cannot be told.
    - One line of column 2 is one finding for each code that it is paired with, however many lines bill that code.
    - 29581 to 29584 with 97140 were never paid together from 2018 to 2021. Which of the two is column 2 was not read: it
      cannot be told which line falls away.
    - A payer whose table nobody has read cannot be told where a table that was read would deny; nothing else of it is judged.
    - The built-in table is Medicare's of July 1, 2024; it does not say when a pair began. Load the quarter's file to be
      current.

    ## What it does not check
    Pairs that a modifier can separate (NCCI-01).
    """
    rows = paired(claim_lines, code_pairs)
    would_fail = nw.coalesce(nw.col("modifier_indicator").is_in(NEVER), nw.lit(False))
    return verdict(rows.with_columns(would_fail=would_fail))

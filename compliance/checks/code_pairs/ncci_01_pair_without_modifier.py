"""NCCI-01: two paired codes on one day without the modifier that lets both be paid."""

import narwhals as nw

from compliance.checks.code_pairs.pairs import PAIR, PARAMETERS, SEPARABLE, paired, verdict
from compliance.checks.rule import rule


@rule(
    code="NCCI-01",
    title="Paired codes without a modifier",
    severity="high",
    subject="line",
    key=PAIR,
    unit="claim line, with each code that it is paired with",
    cites=["ncci-ptp-2024q3", "mln-1783722"],
    needs=["claims.patient_id", "claim_lines.service_date", "claim_lines.cpt", "claim_lines.modifiers"],
    adds_up={"claim_lines": "day"},
    parameters=PARAMETERS,
    exposes="line",
    message="{pair_column_2} of {service_date} bundles into {pair_column_1} of the same day and bears no modifier for a separate "
    "service (table of {table_as_of})",
    fix="If the two were given in separate 15-minute intervals, document both times and add 59 or XU to {pair_column_2} (XP "
    "where another therapist gave it). Else drop {pair_column_2}.",
)
def pair_without_modifier(claim_lines: nw.LazyFrame, code_pairs: nw.LazyFrame) -> nw.LazyFrame:
    """Two codes that the payer pairs were billed for one day, and no modifier says that they were separate services.

    ## What it checks
    Each claim line against all other lines of the same patient, day, payer and billing provider, by the payer's table of
    code pairs as it was in force on the day. The line of column 2 is the one that falls away.

    ## Why it matters
    Payers deny the column 2 code of such a pair at once.

    ## How we read the rule
    - Only a pair that a modifier can separate (indicator 1) is judged here; one that nothing separates is NCCI-02.
    - A pair counts only on days on which it was in force. Many pairs that websites still name were deleted: to Medicare,
      97530 with 97140, 97110, 97112 or 97116, or with an evaluation, needs no modifier today. 97140 with 97530 was in force
      until the end of 2019.
    - A pair deleted at the end of 2019 that is in the table again was not in force from January to September 2020.
    - 59, XE, XP, XS or XU separates. It counts on either line since July 1, 2019, before that on the line of column 2 only.
    - On professional claims the lines pair where one therapist gave both, or therapists of one group and discipline did.
      On institutional claims all disciplines of the facility pair, by the hospital table. The claim's form says which it
      is, the setting only where the form is not known.
    - A claim without a billing NPI is of the one that the clinic's other claims name, where they name one only.
    - Where it is not known whether two therapists are of one discipline, it cannot be told.
    - One line of column 2 is one finding for each code that it is paired with, however many lines bill that code.
    - Of 29581 to 29584 with 97140 it was not read which of the two is column 2: it cannot be told which line falls away.
    - A payer may keep the old edit of 97140 with 97530 (the table `legacy`). A payer whose table nobody has read cannot be
      told where a table that was read would deny; nothing else of it is judged.
    - The built-in table is Medicare's of July 1, 2024. It does not say when a pair began: one without an earlier row is
      taken to be in force on every day before. Load the quarter's file to be current.

    ## What it does not check
    Whether the services were indeed separate (NCCI-03). Modifiers of the body's side (LT, RT) are no basis for therapy codes
    and are not counted, though a payer's system may let them pass.
    """
    rows = paired(claim_lines, code_pairs)
    would_fail = nw.coalesce(
        nw.col("modifier_indicator").is_in(SEPARABLE) & (nw.col("modified") == 0), nw.lit(False)
    )
    return verdict(rows.with_columns(would_fail=would_fail))

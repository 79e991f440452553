"""UNIT-06: more units of a code on one day than are payable (medically unlikely units)."""

import narwhals as nw

from compliance.checks.rule import rule
from compliance.checks.terms import billed_once, flag, is_institutional, judge, table_of_form

UNREAD, CLOSEST = "unknown", "practitioner"
"""A payer whose table nobody has read is held against Medicare's practitioner table, to see whether it could matter."""
TABLES_OF = {"medicare_practitioner": "practitioner", "medicare_hospital": "hospital"}
DAY = ["patient_id", "service_date", "payer_id", "provider", "cpt"]
FACTS = [
    "claim_id",
    "line",
    "cpt",
    "service_date",
    "total_units",
    "limit",
    "excess",
    "indicator",
    "table_as_of",
]


@rule(
    code="UNIT-06",
    title="More units than are payable in a day",
    severity="high",
    subject="line",
    unit="claim line",
    cites=["mue-2024q3", "mue-2026-copy", "mue-medicaid-2026q1", "mue-explained"],
    needs=["claims.patient_id", "claim_lines.service_date", "claim_lines.cpt", "claim_lines.units"],
    adds_up={"claim_lines": "day"},
    parameters=["mue_table"],
    exposes="line",
    message="{total_units} units of {cpt} on {service_date}, {limit} are payable in a day (table of {table_as_of}); {excess} of "
    "this line are too many, and the payer denies all units of the code's lines, not only these",
    fix={
        "appealable": "Reduce {cpt} to {limit} units, or bill what was given and attach the records on appeal (adjudication "
        "indicator 3). Do not move units to another line.",
        "absolute": "Reduce {cpt} to {limit} units: no record overrides this limit (adjudication indicator {indicator}). Do not "
        "move units to another line.",
    },
)
def more_units_than_payable(claim_lines: nw.LazyFrame, unit_limits: nw.LazyFrame) -> nw.LazyFrame:
    """A day's units of one code are more than the payer's table of medically unlikely units lets pass.

    ## What it checks
    The units of each code of a patient, day, payer and provider, summed over all lines and claims, against the table in
    force on the day.

    ## Why it matters
    Such lines are denied at once. The limit is no allowance: units below it must still be supported by minutes (UNIT-01).

    ## How we read the rule
    - All lines of the code are summed. The lines before the limit is reached stand; the units beyond it fall away.
    - Medicare denies all units of the code's lines; we count the excess units alone as at risk.
    - Practitioners and facilities have tables of their own: 97110 is limited to 6 units on a professional claim, to 8 on a
      hospital's. The claim's form says which, the setting only where the form is not known. Medicaid has its own.
    - On professional claims the provider is the rendering therapist under the billing provider; on institutional ones the
      facility. A line whose therapist is not known is summed with its like.
    - A claim without a billing NPI is of the one that the clinic's other claims name, where they name one only.
    - A claim not yet submitted must not go out so; a submitted one is a repayment risk, also where an appeal with records
      could win (indicator 3).
    - A day before the first edition of the table cannot be told. Nor can a line whose units are not known, or the other
      lines of its day.
    - A payer whose table nobody has read cannot be told where Medicare's limit is exceeded; nothing else of it is judged.

    ## What it does not check
    Whether minutes support the units (UNIT-01); a payer's own daily caps (FRQ-01).
    """
    table = table_of_form(nw.col("mue_table"))
    chosen = nw.when(table == UNREAD).then(nw.lit(CLOSEST)).otherwise(table)
    for value, named in TABLES_OF.items():
        chosen = nw.when(table == value).then(nw.lit(named)).otherwise(chosen)
    by_facility = nw.coalesce(is_institutional(), nw.lit(0)) == 1
    lines = billed_once(claim_lines).with_columns(
        limits=chosen,
        unread=flag(table == UNREAD),
        provider=nw.concat_str(
            [nw.col("biller"),
             nw.when(by_facility).then(nw.lit("")).otherwise(nw.coalesce(nw.col("therapist_id"), nw.lit("")))],
            separator="|",
        ),
    )  # fmt: skip
    lines = _with_limit(_summed(lines), unit_limits)
    too_many = nw.coalesce(nw.col("excess") > 0, nw.lit(False))
    limited = ~nw.col("limit").is_null() | (nw.col("ever_limited") > 0)
    matters = (nw.col("unread") == 0) | too_many
    return judge(
        lines,
        applies=(limited & matters) | ~nw.col("policy_missing").is_null() | nw.col("cpt").is_null(),
        cannot_tell={
            "claim_lines.cpt": nw.col("cpt").is_null(),
            "policy.unit_limits": nw.col("limit").is_null(),
            "policy.mue_table": nw.col("unread") > 0,
            "claim_lines.units": (nw.col("unmeasured") > 0) & ~too_many,
        },
        fails=too_many,
    ).select(
        *FACTS, "outcome", "missing", "mue_table__id", exposed_units="excess",
        case=nw.when(nw.col("indicator") == "3").then(nw.lit("appealable")).otherwise(nw.lit("absolute")),
        severity=nw.lit("block_or_repay"),
    )  # fmt: skip


def _summed(lines: nw.LazyFrame) -> nw.LazyFrame:
    """Add `total_units` of the code's day, `so_far` with this line, and whether the units of some line are not known."""
    counted = nw.coalesce(nw.col("units"), nw.lit(0))
    lines = lines.with_columns(counted=counted, unknown=flag(nw.col("units").is_null()))
    keyed = lines.filter(~nw.any_horizontal(*(nw.col(name).is_null() for name in DAY), ignore_nulls=True))
    sums = keyed.select(
        "claim_id",
        "line",
        so_far=nw.col("counted").cum_sum().over(*DAY, order_by=["claim_id", "line"]),
        total_units=nw.col("counted").sum().over(*DAY),
        unmeasured=nw.col("unknown").max().over(*DAY),
    )
    return lines.join(sums, on=["claim_id", "line"], how="left")


def _with_limit(lines: nw.LazyFrame, unit_limits: nw.LazyFrame) -> nw.LazyFrame:
    """Add the code's limit of the day, whether it has one on some day, and the units of the line beyond it."""
    day = nw.col("service_date")
    listed = unit_limits.select("cpt", "valid_from", "valid_until", limits="table", limit="units", indicator="indicator",
                                table_as_of="as_of")  # fmt: skip
    in_force = (
        lines.select("claim_id", "line", "cpt", "limits", "service_date")
        .join(listed, on=["cpt", "limits"], how="inner")
        .filter((nw.col("valid_from") <= day) & (day < nw.col("valid_until")))
        .select("claim_id", "line", "limit", "indicator", "table_as_of")
    )
    ever = listed.select("cpt", "limits").unique().with_columns(ever_limited=nw.lit(1))
    over = nw.col("so_far") - nw.col("limit")
    beyond = nw.when(over > nw.col("counted")).then(nw.col("counted")).otherwise(over)
    return (
        lines.join(in_force, on=["claim_id", "line"], how="left")
        .join(ever, on=["cpt", "limits"], how="left")
        .with_columns(ever_limited=nw.coalesce(nw.col("ever_limited"), nw.lit(0)))
        .with_columns(excess=nw.when(over > 0).then(beyond).otherwise(nw.lit(0)).cast(nw.Int64))
    )

"""INT-07: a visit that no claim bills."""

from datetime import datetime

import narwhals as nw

from compliance.checks.incomplete_lines import incomplete, maybe_billed, untold
from compliance.checks.integrity.matching import billed_visits, charted
from compliance.checks.integrity.prices import given_codes, own_units, priced
from compliance.checks.rule import rule
from compliance.checks.terms import judge, ruled, whole_days, yes
from compliance.checks.units.allocation import CLOCK


@rule(
    code="INT-07",
    title="Visit not billed",
    severity="info",
    subject="note",
    unit="visit",
    cites=["house-default"],
    needs=["notes.service_date", "claims.patient_id", "claim_lines.service_date"],
    absence_of={"claim_lines": "day"},
    parameters=["unbilled_visit_days", "note_date_tolerance_days", *CLOCK],
    exposes="none",
    message={
        "priced": "No claim bills the visit of {service_date}, {days} days ago ({unbilled_visit_days} allowed): about "
        "${missed_dollars:,.2f}",
        "unpriced": "No claim bills the visit of {service_date}, {days} days ago ({unbilled_visit_days} allowed)",
    },
    fix=dict.fromkeys(
        ("priced", "unpriced"),
        "Bill the visit of {service_date} within timely filing, or note why it is not billed.",
    ),
)
def visit_not_billed(
    notes: nw.LazyFrame,
    claim_lines: nw.LazyFrame,
    interventions: nw.LazyFrame,
    fees: nw.LazyFrame,
    as_of: datetime,
) -> nw.LazyFrame:
    """A visit was given and written down, and nobody billed it.

    ## What it checks
    Each visit with interventions, or whose note is an evaluation or a treatment note, against the patient's claims.

    ## Why it matters
    A visit that is not billed before the payer's filing limit is lost.

    ## How we read the rule
    - A line bills a visit that it names, or that is of its patient, day and discipline; so does a line that bills the
      visit under a wrong date (INT-06).
    - Claims that were voided, or replaced by another, bill nothing.
    - The day of service is day 0. Until the days allowed have passed nothing is said.
    - A patient without any claim has no known payer: whether the visit is to be billed cannot be told. Nor can a visit of
      a day on which a claim of its payer stands that names no patient.
    - Nor can a visit of a patient and discipline with a line that has no day: it may be the bill.
    - Self-pay visits need no claim.
    - The dollars are the payer's fee, else what a unit of the code brought on the patient's other lines: each code by
      its own minutes, before reductions.

    ## What it does not check
    Single codes that were left out of a claim (INT-05); whether the visit may be billed at all.
    """
    lines = charted(claim_lines, notes, interventions, "note_date_tolerance_days")
    misdated = lines.filter(~nw.col("other_note_id").is_null()).select(note_id="other_note_id")
    attended = notes.filter(nw.col("attended"))
    billed = nw.concat([billed_visits(attended, claim_lines), misdated], how="vertical").unique()
    sessions = nw.col("treated") | nw.col("kind").is_in(["evaluation", "treatment"])
    since = nw.lit(as_of).cast(nw.Datetime("us")) - nw.col("service_date")
    visits = (
        notes.filter(nw.col("is_visit") & sessions)
        .join(billed.with_columns(billed=nw.lit(1)), on="note_id", how="left")
        .join(_worth(interventions, claim_lines, fees), on="note_id", how="left")
        .with_columns(days=whole_days(since))
    )
    unpriced = nw.col("missed_dollars").is_null()
    place = ["service_date", "payer_id"]
    of_nobody = claim_lines.filter(nw.col("patient_id").is_null()).select(*place, of_nobody=nw.lit(1))
    visits = visits.join(of_nobody.unique(), on=place, how="left")
    open_visits = visits.filter(~yes("billed")).select("note_id", "patient_id", "discipline", "service_date")
    undated = incomplete(claim_lines, notes).filter(yes("without_date"))
    visits = visits.join(maybe_billed(open_visits, undated, ["note_id"]), on="note_id", how="left")
    due = nw.col("days") > nw.col("unbilled_visit_days")
    return judge(
        visits.with_columns(case=nw.when(unpriced).then(nw.lit("unpriced")).otherwise(nw.lit("priced"))),
        applies=ruled("unbilled_visit_days"),
        cannot_tell={
            "claims.patient_id": ~yes("billed") & due & yes("of_nobody"),
            **untold(~yes("billed") & due),
        },
        fails=~yes("billed") & due,
    ).select(
        "note_id", "outcome", "missing", "case", "days", "missed_dollars", "unbilled_visit_days", "unbilled_visit_days__id"
    )  # fmt: skip


def _worth(interventions: nw.LazyFrame, claim_lines: nw.LazyFrame, fees: nw.LazyFrame) -> nw.LazyFrame:
    """What each visit would have brought: note_id, missed_dollars (null where no code's price is known)."""
    given = priced(given_codes(interventions), claim_lines, fees).filter(~nw.col("price").is_null())
    dollars = (nw.col("price") * own_units()).cast(nw.Float64)
    return given.with_columns(dollars=dollars).group_by("note_id").agg(missed_dollars=nw.col("dollars").sum())

"""CON-05: group therapy billed more than once a day, or for a group of one."""

import narwhals as nw

from compliance.checks.one_on_one.days import GROUP
from compliance.checks.one_on_one.sessions import by_skilled, clock_times, pairs, session_key, within
from compliance.checks.rule import rule
from compliance.checks.terms import judge, ruled

DAY = ["patient_id", "discipline", "service_date", "payer_id"]
LINE = ["claim_id", "line"]


@rule(
    code="CON-05",
    title="Group units that cannot stand",
    severity="high",
    subject="line",
    unit="line of group therapy",
    cites=["cms-11-scenarios", "mue-2024q3"],
    needs=["claim_lines.cpt", "claim_lines.units"],
    parameters=["group_units_a_day", "group_least_patients"],
    exposes="line",
    message={
        "alone": "97150 on {service_date} was billed for a group of {group_size}; a group has at least "
        "{group_least_patients} patients",
        "units": "{day_units} units of 97150 on {service_date} ({group_units_a_day} allowed); {excess} of this line fall away",
    },
    fix={
        "alone": "Bill the one-on-one code that the note supports, or remove the line.",
        "units": "Bill group therapy once for the patient's day: it is untimed.",
    },
    scope="therapist_day",
)
def group_units(claim_lines: nw.LazyFrame, interventions: nw.LazyFrame) -> nw.LazyFrame:
    """Group therapy is one untimed unit for each patient of a group of two or more.

    ## What it checks
    Each line of 97150: the units of the patient's day, and how many patients were in the group.

    ## Why it matters
    A second unit, or a group of one, is not payable as billed.

    ## How we read the rule
    - The units of a patient, discipline, day and payer count together; the last lines bear those that are too many.
    - A hospital's table of unlikely units allows two a day, which may be two sessions.
    - The group's size is what the note says. Where other patients had group therapy with the same person at the same time,
      they are counted as well, whatever the note says.
    - Without either the size is not known, and a line within the units cannot be told.
    - A group of one falls away whole.

    ## What it does not check
    Whether the group was skilled treatment, and whether it was one-on-one instead (CON-01, CON-04).
    """
    lines = claim_lines.filter(nw.coalesce(nw.col("cpt") == GROUP, nw.lit(False)))
    order = nw.concat_str([nw.col("claim_id"), nw.col("line").cast(nw.String)], separator="|")
    counted = lines.with_columns(billed=nw.coalesce(nw.col("units"), nw.lit(0)), order=order)
    until = counted.with_columns(until=nw.col("billed").cum_sum().over(*DAY, order_by="order"))
    excess = within(nw.col("until") - nw.col("group_units_a_day"), nw.col("billed"))
    excess = nw.when(~nw.col("group_units_a_day").is_null()).then(excess).otherwise(nw.lit(0))
    units = until.with_columns(excess=excess, day_units=nw.col("until")).join(
        _sizes(interventions), on="note_id", how="left"
    )
    small = nw.col("group_size") < nw.col("group_least_patients")
    case = nw.when(nw.col("excess") > 0).then(nw.lit("units")).otherwise(nw.lit(None, dtype=nw.String))
    case = nw.when(nw.coalesce(small, nw.lit(False))).then(nw.lit("alone")).otherwise(case)
    units = units.with_columns(case=case)
    open_question = nw.col("case").is_null()
    sized = nw.col("group_size").is_null() & ~nw.col("group_least_patients").is_null()
    return judge(
        units,
        applies=ruled("group_units_a_day", "group_least_patients"),
        cannot_tell={
            "claim_lines.units": open_question & nw.col("units").is_null(),
            "interventions.group_size": open_question & sized,
        },
        fails=~open_question,
    ).select(
        *LINE, "outcome", "missing", "case", "cpt", "service_date", "patient_id", "discipline", "clinic_id", "payer_id",
        "therapist_id", "note_id", "group_size", "day_units", "excess", "group_units_a_day", "group_units_a_day__id",
        "group_least_patients", "group_least_patients__id", fault="case",
        exposed_units=nw.when(nw.col("case") == "units").then(nw.col("excess")),
    )  # fmt: skip


def _sizes(interventions: nw.LazyFrame) -> nw.LazyFrame:
    """Patients in the group of each note's group therapy: as recorded, or as many as were there by the clock."""
    rows = clock_times(
        interventions.filter(
            nw.col("attended") & by_skilled() & nw.coalesce(nw.col("cpt") == GROUP, nw.lit(False))
        )
    )
    rows = rows.with_columns(
        session=session_key(), person_id=nw.col("deliverer_id"), own=nw.col("lasts"), tolerance=nw.lit(0)
    )
    others = pairs(rows.filter(nw.col("exact") > 0)).filter(nw.col("same") == 0)
    others = others.select("session", "patient_id_other").unique().group_by("session")
    by_clock = others.agg(others=nw.col("patient_id_other").count())
    recorded = rows.select("note_id", "session", "group_size")
    sizes = recorded.join(by_clock, on="session", how="left").with_columns(seen=nw.col("others") + 1)
    larger = nw.col("group_size").is_null() | nw.coalesce(
        nw.col("seen") > nw.col("group_size"), nw.lit(False)
    )
    return (
        sizes.with_columns(group_size=nw.when(larger).then(nw.col("seen")).otherwise(nw.col("group_size")))
        .group_by("note_id")
        .agg(nw.col("group_size").max())
    )

"""INT-02: a visit's note repeats the visit before, or another patient's note."""

import narwhals as nw

from compliance.checks.rule import rule
from compliance.checks.terms import PERCENT, first, flag, judge, ruled, yes

PATIENT = ["patient_id", "discipline"]
SEVERITY = {"same_minutes": "medium", "other_patient": "low", "copies": "low"}


@rule(
    code="INT-02",
    title="Note copied",
    severity="info",
    subject="note",
    unit="visit note after the first visits",
    cites=["house-default"],
    needs=["notes.text", "notes.service_date"],
    parameters=[
        "clone_first_visits", "clone_similarity", "clone_similarity_patients", "clone_visits_doc", "clone_visits_repay",
    ],
    exposes="note",
    message={
        "copy": "The note of {service_date} repeats that of the visit before ({percent} % the same)",
        "copies": "The note of {service_date} is one of {copies} in a row that repeat the visit before ({percent} % the same)",
        "same_minutes": "The note of {service_date} is one of {exact_copies} in a row with the same work, word for word, and "
        "the same {minutes} minutes",
        "other_patient": "What was done on {service_date} stands {percent} % the same in another patient's note "
        "({like_note_id})",
    },
    fix={
        **dict.fromkeys(
            ("copy", "copies", "same_minutes"),
            "The note repeats others: write what this visit showed, how the patient performed and responded. Do not "
            "change notes that were billed; add what is remembered as a dated addendum.",
        ),
        "other_patient": "Check whether the note is of this patient; write each patient's own performance and response.",
    },
)  # fmt: skip
def note_copied(
    notes: nw.LazyFrame,
    note_likeness: nw.LazyFrame,
    treatment_days: nw.LazyFrame,
    interventions: nw.LazyFrame,
) -> nw.LazyFrame:
    """Each visit's note must tell of that visit; a copy tells of another.

    ## What it checks
    Each visit's note is compared with that of the visit before (same patient and discipline), and what was done with
    earlier notes of other patients.

    ## Why it matters
    Reviewers call notes that repeat each other cloned, and treat the visits as not documented: nothing shows what was
    done on the day, nor that skill was needed.

    ## How we read the rule
    - Dates and clock times are left out, and so is a template: a sentence in most notes of a therapist, of five
      patients or more. Other numbers count as all characters do: a short note whose repetitions and pain change is its
      own, a long one in which nothing else changes is a copy.
    - Likeness is the share of characters that two texts have in common, in their order. The payer's policy says from
      which share on a note is a copy.
    - The first two visits of an episode are no copies.
    - One copy is worth knowing. Three in a row or more are a weakness.
    - Five in a row or more whose work is the same word for word, with the same minutes, are a repayment risk: the
      lines are named, and a person decides about the dollars. The work is the part under *Objective*, *Treatment* or
      *Intervention*, else the whole note.
    - A copy of another patient's note is a weakness. Only what was done is compared, from 200 characters on, and the
      later note is the copy.
    - A note without a text cannot be told. One that holds nothing but a template is no copy.

    ## What it does not check
    Notes of patients who are not in the export: all of a clinic's patients are compared, and a part of them shows
    less. Whether the copied words are true. Notes without an activity (DOC-05).
    """
    units = _compared(notes, note_likeness, interventions).join(
        treatment_days.select(*PATIENT, "service_date", "treatment_day"), on=[*PATIENT, "service_date"], how="left"
    )  # fmt: skip
    later = nw.col("treatment_day") > nw.col("clone_first_visits")
    copy = later & (nw.col("similarity") >= nw.col("clone_similarity"))
    units = units.with_columns(copy=flag(copy), exact=flag(copy & yes("same_work")))
    units = _in_a_row(_in_a_row(units, "copy", "copies"), "exact", "exact_copies")
    units = units.with_columns(
        case=first(
            (
                "same_minutes",
                (nw.col("exact") == 1) & (nw.col("exact_copies") >= nw.col("clone_visits_repay")),
            ),
            ("other_patient", nw.col("elsewhere") >= nw.col("clone_similarity_patients")),
            ("copies", (nw.col("copy") == 1) & (nw.col("copies") >= nw.col("clone_visits_doc"))),
            ("copy", nw.col("copy") == 1),
        )
    )
    severity = nw.lit("info")
    for case, grade in SEVERITY.items():
        severity = nw.when(nw.col("case") == case).then(nw.lit(grade)).otherwise(severity)
    other = nw.col("case") == "other_patient"
    share = nw.when(other).then(nw.col("elsewhere")).otherwise(nw.col("similarity"))
    rounded = (share * PERCENT).round(0)
    percent = nw.when((share < 1) & (rounded == PERCENT)).then(rounded - 1).otherwise(rounded)
    return judge(
        units,
        applies=ruled("clone_similarity") & (later | ~nw.col("policy_missing").is_null()),
        cannot_tell={"notes.text": nw.col("text").is_null()},
        fails=~nw.col("case").is_null(),
    ).select(
        "note_id", "outcome", "missing", "case", "copies", "exact_copies", "minutes", "clone_similarity__id",
        "clone_similarity_patients__id", "clone_visits_doc__id", "clone_visits_repay__id", severity=severity,
        percent=percent, fault=nw.col("case"),
        like_note_id=nw.when(other).then(nw.col("other_note_id")).otherwise(nw.col("like_note_id")),
        exposed_share=nw.when(nw.col("case") == "same_minutes").then(nw.lit(0.0)).otherwise(nw.lit(1.0)),
    )  # fmt: skip


def _compared(notes: nw.LazyFrame, note_likeness: nw.LazyFrame, interventions: nw.LazyFrame) -> nw.LazyFrame:
    """Visit notes with what they are like.

    Added: similarity, like_note_id (of the visit before), same_work (1: its work and minutes are the same); elsewhere,
    other_note_id (of another patient); minutes.
    """
    given = interventions.filter(~nw.col("minutes").is_null())
    given = given.group_by("note_id").agg(given=nw.col("minutes").sum())
    visits = (
        notes.filter(nw.col("is_visit"))
        .join(given, on="note_id", how="left")
        .with_columns(
            minutes=nw.coalesce(nw.col("total_minutes"), nw.col("timed_minutes"), nw.col("given")),
            begins=nw.coalesce(nw.col("started_at"), nw.col("service_date")),
        )
    )
    own = note_likeness.filter(nw.col("same_patient")).join(
        visits.select(like_note_id="note_id", minutes_before="minutes"), on="like_note_id", how="left"
    )
    other = note_likeness.filter(~nw.col("same_patient")).select(
        "note_id", elsewhere="similarity", other_note_id="like_note_id"
    )
    joined = visits.join(
        own.select("note_id", "like_note_id", "similarity", "same_objective", "minutes_before"), on="note_id", how="left"
    ).join(other, on="note_id", how="left")  # fmt: skip
    timed = ~nw.col("minutes").is_null() & (nw.col("minutes") == nw.col("minutes_before"))
    return joined.with_columns(same_work=flag(timed & nw.coalesce(nw.col("same_objective"), nw.lit(False))))


def _in_a_row(units: nw.LazyFrame, mark: str, name: str) -> nw.LazyFrame:
    """Add how many notes with `mark` stand one after another, for each of them."""
    order = ["service_date", "begins", "note_id"]
    gaps = (1 - nw.col(mark)).cum_sum().over(*PATIENT, order_by=order)
    units = units.with_columns(gap=gaps)
    row = units.group_by(*PATIENT, "gap").agg(nw.col(mark).sum().alias(name))
    return units.join(row, on=[*PATIENT, "gap"], how="left").drop("gap")

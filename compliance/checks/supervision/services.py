"""Services as supervision rules see them: a code on a visit, who gave it, and the claim line that bills it."""

import narwhals as nw

from compliance.checks.terms import (
    ASSISTANT_MODIFIERS,
    flag,
    has_code,
    kept,
    shared,
    with_parameters,
    yes,
)

SERVICE = ("note_id", "cpt")


def services(
    interventions: nw.LazyFrame, notes: nw.LazyFrame, claim_lines: nw.LazyFrame, note_columns: list[str]
) -> nw.LazyFrame:
    """One row a code of an attended visit and claim line that bills it (one without a line where none does).

    Columns: note_id, cpt, claim_id, line, units, place_of_service, assistant_marked; starts_at, ends_at (of what an
    assistant gave, else the visit's); minutes, aide, student (sums); by_assistant, by_aide, by_student, by_therapist
    (who gave any of it), by_unknown (nobody known did), deliverer_id, deliverer, deliverer_is (credential, else
    role; of the assistant where there is one); `note_columns` of the note. A visit without interventions has the
    codes of its claim lines, all given by its author.
    """
    given = _given(*map(with_parameters, (interventions, notes, claim_lines)))
    visits = notes.filter(nw.col("attended")).select("note_id", *note_columns)
    return given.join(visits, on="note_id", how="inner")


@shared
def _given(interventions: nw.LazyFrame, notes: nw.LazyFrame, claim_lines: nw.LazyFrame) -> nw.LazyFrame:
    """`services` without columns of the note, which depend on no payer's policy: one for all rules."""
    visits = notes.filter(nw.col("attended"))
    rows = kept(nw.concat([_recorded(interventions), _unrecorded(visits, claim_lines)], how="vertical"))
    grouped = rows.group_by(*SERVICE).agg(
        *(nw.col(name).min() for name in ("starts_at", "deliverer_rank")),
        nw.col("ends_at").max(),
        *(nw.col(name).sum() for name in ("minutes", "aide", "student")),
        *(nw.col(name).max() for name in ("by_assistant", "by_aide", "by_student", "by_therapist", "by_unknown",
                                          "unmeasured", "student_known")),
    )  # fmt: skip
    who = rows.select(*SERVICE, "deliverer_rank", "deliverer_id", "deliverer", "deliverer_is").unique()
    who = who.group_by(*SERVICE, "deliverer_rank").agg(
        nw.col("deliverer_id").min(), nw.col("deliverer").min(), nw.col("deliverer_is").min()
    )
    keyed = nw.concat_str([nw.col("note_id"), nw.lit("|"), nw.coalesce(nw.col("cpt"), nw.lit(""))])
    grouped = grouped.with_columns(keyed=keyed).join(
        who.with_columns(keyed=keyed).drop("note_id", "cpt"), on=["keyed", "deliverer_rank"], how="left"
    )
    return (
        grouped.drop("keyed")
        .join(_billed(claim_lines), on=list(SERVICE), how="left")
        .filter(yes("marked") | ~(yes("any_marked") & (nw.col("by_assistant") > 0)))
    )


def _recorded(interventions: nw.LazyFrame) -> nw.LazyFrame:
    """What the interventions say. Minutes that an assistant gave together with the therapist are the therapist's."""
    role = nw.col("deliverer_role")
    alone = (nw.col("assistant_alone") > 0) | ((role == "assistant") & nw.col("assistant_alone").is_null())
    aide = nw.when(role == "aide").then(nw.col("minutes")).otherwise(nw.lit(0))
    student = nw.when(role == "student").then(nw.col("minutes")).otherwise(nw.lit(0))
    return _people(
        interventions.filter(nw.col("attended")),
        starts=nw.coalesce(nw.col("started_at"), nw.col("note_started_at")),
        ends=nw.coalesce(nw.col("ended_at"), nw.col("note_ended_at")),
        minutes=nw.col("minutes"),
        aide=nw.coalesce(nw.col("aide_minutes"), aide),
        student=nw.coalesce(nw.col("student_minutes"), student),
        assistant=alone,
        unmeasured=nw.col("minutes").is_null(),
        known=~nw.col("student_minutes").is_null(),
    )


def _unrecorded(visits: nw.LazyFrame, claim_lines: nw.LazyFrame) -> nw.LazyFrame:
    """Visits without interventions: their author gave what their lines bill."""
    codes = claim_lines.filter(~nw.col("note_id").is_null()).select("note_id", "cpt").unique()
    nothing = nw.lit(0)
    bare = visits.filter(nw.col("is_visit") & ~nw.col("treated")).select(
        "note_id", deliverer_id="therapist_id", deliverer="author", deliverer_role="author_role",
        deliverer_credential="author_credential", started_at="started_at", ended_at="ended_at",
    )  # fmt: skip
    return _people(
        bare.join(codes, on="note_id", how="left"),
        starts=nw.col("started_at"),
        ends=nw.col("ended_at"),
        minutes=nothing,
        aide=nothing,
        student=nothing,
        assistant=nw.col("deliverer_role") == "assistant",
        unmeasured=nw.lit(True),
        known=nw.lit(False),
    )


def _people(
    rows: nw.LazyFrame,
    *,
    starts: nw.Expr,
    ends: nw.Expr,
    minutes: nw.Expr,
    aide: nw.Expr,
    student: nw.Expr,
    assistant: nw.Expr,
    unmeasured: nw.Expr,
    known: nw.Expr,
) -> nw.LazyFrame:
    role = nw.col("deliverer_role")
    rank = nw.when(role == "assistant").then(nw.lit(0)).otherwise(nw.lit(1))
    return rows.select(
        "note_id", "cpt", "deliverer_id", "deliverer",
        deliverer_is=nw.coalesce(nw.col("deliverer_credential"), role),
        deliverer_rank=nw.coalesce(rank, nw.lit(1)).cast(nw.Int64),
        starts_at=starts, ends_at=ends,
        minutes=nw.coalesce(minutes, nw.lit(0)).cast(nw.Int64),
        aide=nw.coalesce(aide, nw.lit(0)).cast(nw.Int64),
        student=nw.coalesce(student, nw.lit(0)).cast(nw.Int64),
        by_assistant=flag(assistant),
        by_aide=flag((role == "aide") | (aide > 0)),
        by_student=flag((role == "student") | (student > 0)),
        by_therapist=flag(role == "therapist"),
        by_unknown=flag(role.is_null() & ~nw.coalesce(assistant, nw.lit(False))),
        unmeasured=flag(unmeasured),
        student_known=flag(known),
    )  # fmt: skip


def _billed(claim_lines: nw.LazyFrame) -> nw.LazyFrame:
    """Lines by note and code; where some of a code's lines bear CQ or CO, those are what the assistant gave."""
    lines = claim_lines.filter(~nw.col("note_id").is_null()).select(
        "claim_id", "line", "note_id", "cpt", "units", "place_of_service",
        marked=flag(has_code("modifiers", ASSISTANT_MODIFIERS)),
    )  # fmt: skip
    any_marked = lines.group_by("note_id", "cpt").agg(any_marked=nw.col("marked").max())
    return lines.join(any_marked, on=["note_id", "cpt"])

"""PR-05: visits of 97530 without an entry that shows the loss of function and the assistance given."""

import narwhals as nw

from compliance.checks.progress_reports.terms import with_nobodys
from compliance.checks.rule import rule
from compliance.checks.terms import flag, judge, kept, yes

FUNCTIONAL_ACTIVITIES = "97530"
KEY = ("patient_id", "discipline")
DAY = (*KEY, "service_date")
RUN = (*KEY, "run")
DAILY_LIVING = ("adl", "iadl")
FORMAL = ("evaluation", "reevaluation", "progress_report", "recertification", "discharge")
MOBILITY = (*DAILY_LIVING, "functional_activity", "gait")
OBJECTIVE = ("measure", "assist_level")
ASSISTANCE = ("assist_level", "cueing")
MARKS = ("lost", "living", "measured", "assisted")
"""What an entry is made of: a loss of function, an activity of daily living, its measure, the assistance given."""
LOSS_REACH = 80
"""Characters within which a loss ("weakness limits") tells of an activity ("dressing")."""


@rule(
    code="PR-05",
    title="97530 without supportive data",
    severity="low",
    subject="period",
    unit="run of 97530 visits since the last supportive entry",
    cites=["lcd-l33631"],
    needs=["claim_lines.cpt", "claim_lines.service_date", "notes.text"],
    absence_of={"notes": "patient"},
    parameters=["supportive_data_visits"],
    exposes="days",
    message="{visits} visits of 97530 from {period_from} without an entry that measures the loss in daily living "
    "activities and states the assistance given ({supportive_data_visits} allowed)",
    fix="Record the loss in daily living activities with a measure, and the amount and type of assistance for "
    "97530, at least once in {supportive_data_visits} visits.",
)
def supportive_data_missing(
    claim_lines: nw.LazyFrame, notes: nw.LazyFrame, mentions: nw.LazyFrame, treatment_days: nw.LazyFrame
) -> nw.LazyFrame:
    """At least once in a number of visits the record supports 97530: the loss of function, the activity, the
    assistance.

    ## What it checks
    The visits on which 97530 was billed are counted from the start of an episode and again from each
    supportive entry. A visit beyond the payer's number without one is a finding.

    ## Why it matters
    Some Medicare contractors' coverage determinations ask for this entry; elsewhere it is good practice, so
    the finding is a weakness of the record only.

    ## How we read the rule
    - An entry is supportive if the notes of a day state a loss of function (weakness, a motion, and the daily living
      activity beside it), or measure such an activity (a number, a score or a level of assistance), and state the
      assistance or the cueing given.
    - Any note of the patient and discipline may hold it, an evaluation or a report as well.
    - In an evaluation, a re-evaluation or a report a measured mobility task (a transfer, the stairs) counts as well:
      there it states the loss, in a treatment note it is the activity.
    - Words that tell of history, plan or goals, and negated ones, do not count.
    - The visit that holds the entry is not counted; the count goes on from the next.
    - An evaluation that opens an episode begins the count anew. Two lines or sessions on a day are one
      visit.
    - This is no progress report, and a progress report does not depend on it (PR-01).
    - A payer without such a rule is not judged.
    - A note without text may have held the entry, and so may a note without a kind whose words are one in a report: what
      depends on it cannot be told. Nor can a run of a patient of whom a note has no day, or in whose days a note of the
      clinic and discipline names no patient.

    ## What it does not check
    Whether each visit's 97530 is supported by itself (DOC-01 to DOC-06). Lines of unknown discipline are
    not counted.
    """
    visits = _visits(claim_lines)
    runs = _runs(_counted(visits, _entries(notes, mentions), treatment_days))
    judged = runs.join(visits, on=list(DAY), how="left").with_columns(policy_missing=nw.col("unknown_payer"))
    late = nw.col("late_visits") > 0
    return judge(
        _with_astray(judged, notes),
        applies=~nw.col("supportive_data_visits").is_null() | ~nw.col("unknown_payer").is_null(),
        cannot_tell={
            "notes.text": ~late & (nw.col("unread_visits") > 0) & (nw.col("visits") > nw.col("supportive_data_visits")),
            "notes.service_date": late & yes("undated"),
            "notes.patient_id": yes("nobodys"),
        },
        fails=late,
    ).select(
        *DAY, "outcome", "missing", "period_from", "visits", "unread_visits", "late_visits", "supportive_data_visits",
        "supportive_data_visits__id", "payer_id", "clinic_id", "therapist_id", "note_id", "exposed_from", "exposed_to",
        exposed_cpt=nw.lit(FUNCTIONAL_ACTIVITIES),
    )  # fmt: skip


def _visits(claim_lines: nw.LazyFrame) -> nw.LazyFrame:
    """One row a patient, discipline and day with 97530 billed: its limit, payer, clinic, therapist and note."""
    facts = (
        "supportive_data_visits",
        "supportive_data_visits__id",
        "payer_id",
        "clinic_id",
        "therapist_id",
        "note_id",
    )
    return (
        claim_lines.filter((nw.col("cpt") == FUNCTIONAL_ACTIVITIES) & ~nw.col("discipline").is_null())
        .group_by(*DAY)
        .agg(*(nw.col(name).min() for name in facts), unknown_payer=nw.col("policy_missing").min())
    )


def _entries(notes: nw.LazyFrame, mentions: nw.LazyFrame) -> nw.LazyFrame:
    """Of each day with a note, 0 or 1: whether its notes hold a `supportive` entry, whether any text was `read`.

    `blank`: the day may have held one for all that: a note is without text, or one without a kind is a report.
    """
    told = mentions.filter(
        ~nw.col("negated")
        & (nw.col("when") != "plan")
        & (nw.col("code").is_null() | (nw.col("code") == FUNCTIONAL_ACTIVITIES))
        & nw.col("kind").is_in(["deficit", *MOBILITY, *OBJECTIVE, *ASSISTANCE])
    ).select("note_id", "kind", "when", "start")
    told = kept(told.join(notes.select("note_id", note_kind="kind"), on="note_id"))
    formal = nw.coalesce(nw.col("note_kind").is_in(FORMAL), nw.lit(False))
    marks = _marks(told, formal)
    as_reports = _marks(told.filter(nw.col("note_kind").is_null()), nw.lit(True))
    as_reports = as_reports.rename({name: f"perhaps_{name}" for name in MARKS})
    silent = nw.col("text").is_null()
    perhaps = {f"perhaps_{name}": nw.coalesce(nw.col(f"perhaps_{name}"), nw.col(name)) for name in MARKS}
    days = (
        notes.select("note_id", *DAY, read=flag(~silent), silent=flag(silent & nw.col("attended")))
        .join(marks, on="note_id", how="left")
        .join(as_reports, on="note_id", how="left")
        .with_columns(**perhaps)
        .group_by(*DAY)
        .agg(*(nw.col(name).max() for name in ("read", "silent", *MARKS, *perhaps)))
    )
    holds, may_hold = _holds(), _holds("perhaps_")
    return days.select(*DAY, "read", supportive=flag(holds), blank=flag(yes("silent") | (may_hold & ~holds)))


def _marks(told: nw.LazyFrame, formal: nw.Expr) -> nw.LazyFrame:
    """What the mentions of each note give to an entry, as MARKS; `formal` says whether the note is a report."""
    kind = nw.col("kind")
    now = (nw.col("when") == "today") | (formal & (nw.col("when") == "history"))
    told = told.with_columns(
        living=flag((kind.is_in(DAILY_LIVING) & now) | (kind.is_in(MOBILITY) & formal)),
        measured=flag(kind.is_in(OBJECTIVE) & now),
        assisted=flag(kind.is_in(ASSISTANCE) & now),
    )
    deficits = told.filter((kind == "deficit") & now).select("note_id", at="start")
    living = told.filter(nw.col("living") == 1).select("note_id", "start")
    near = (nw.col("start") - nw.col("at")).abs() <= LOSS_REACH
    lost = deficits.join(living, on="note_id").filter(near).select("note_id", lost=nw.lit(1)).unique()
    marks = told.group_by("note_id").agg(*(nw.col(name).max() for name in MARKS if name != "lost"))
    return marks.join(lost, on="note_id", how="left")


def _holds(prefix: str = "") -> nw.Expr:
    """Whether a day's notes hold an entry: a loss of function or a measured activity, and the assistance given."""
    lost, living, measured, assisted = (yes(f"{prefix}{name}") for name in MARKS)
    return (lost | (living & measured)) & assisted


def _counted(visits: nw.LazyFrame, entries: nw.LazyFrame, treatment_days: nw.LazyFrame) -> nw.LazyFrame:
    """Every day that counts or resets the count, with its `run` (since a reset) and `stretch` (since an unread day)."""
    nothing = dict.fromkeys(
        ("counted", "limit", "read", "blank", "supportive", "opens"), nw.lit(0).cast(nw.Int64)
    )
    limit = nw.coalesce(nw.col("supportive_data_visits"), nw.lit(0)).cast(nw.Int64)
    opened = treatment_days.filter(nw.col("evaluation") & (nw.col("treatment_day") == 1))
    days = nw.concat(
        [
            visits.select(*DAY, **{**nothing, "counted": nw.lit(1).cast(nw.Int64), "limit": limit}),
            entries.select(
                *DAY, **{**nothing, **{name: nw.col(name) for name in ("read", "blank", "supportive")}}
            ),
            opened.select(*DAY, **{**nothing, "opens": nw.lit(1).cast(nw.Int64)}),
        ],
        how="vertical",
    )
    merged = days.group_by(*DAY).agg(*(nw.col(name).max() for name in nothing))
    unread = ((nw.col("counted") == 1) & (nw.col("read") == 0)) | (nw.col("blank") == 1)
    return (
        merged.with_columns(
            counted=nw.col("counted") * (1 - nw.col("supportive")),
            unread=flag(unread),
            resets=flag((nw.col("supportive") == 1) | (nw.col("opens") == 1)),
            breaks=flag((nw.col("supportive") == 1) | (nw.col("opens") == 1) | unread),
        )
        .with_columns(
            run=nw.col("resets").cum_sum().over(*KEY, order_by="service_date"),
            stretch=nw.col("breaks").cum_sum().over(*KEY, order_by="service_date"),
        )
        .with_columns(certain=nw.col("counted") * nw.col("read"))
        .with_columns(place=nw.col("certain").cum_sum().over(*KEY, "stretch", order_by="service_date"))
    )


def _runs(days: nw.LazyFrame) -> nw.LazyFrame:
    """One row a run: `visits` in it, how many unread, `late_visits` beyond the limit and the days these are at risk."""
    counted = days.filter((nw.col("counted") == 1) | (nw.col("unread") == 1)).with_columns(
        late=flag((nw.col("certain") == 1) & (nw.col("limit") > 0) & (nw.col("place") > nw.col("limit")))
    )
    runs = counted.group_by(*RUN).agg(
        period_from=nw.col("service_date").min(),
        visits=nw.col("counted").sum(),
        unread_visits=nw.col("unread").sum(),
        late_visits=nw.col("late").sum(),
    )
    late = (
        counted.filter(nw.col("late") == 1)
        .group_by(*RUN)
        .agg(exposed_from=nw.col("service_date").min(), exposed_to=nw.col("service_date").max())
    )
    return runs.join(late, on=list(RUN), how="left").with_columns(
        service_date=nw.coalesce(nw.col("exposed_from"), nw.col("period_from"))
    )


def _with_astray(runs: nw.LazyFrame, notes: nw.LazyFrame) -> nw.LazyFrame:
    """Add whether a note that may hold an entry is astray: `undated`, the patient's without a day, `nobodys`, of no patient."""
    undated = notes.filter(nw.col("attended") & nw.col("service_date").is_null())
    undated = undated.select(*KEY, undated=nw.lit(1)).unique()
    runs = runs.join(undated, on=list(KEY), how="left")
    return with_nobodys(runs, notes, DAY, nw.col("period_from"), nw.col("exposed_to"))

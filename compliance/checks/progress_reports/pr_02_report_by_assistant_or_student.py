"""PR-02: the report of a period was written by somebody who is not a clinician."""

from datetime import datetime

import narwhals as nw

from compliance.checks.progress_reports.periods import PERIOD_PARAMETERS, exposed, report_periods
from compliance.checks.progress_reports.terms import author_doubt, note_called, report_severity, written_on
from compliance.checks.rule import rule
from compliance.checks.terms import judge, ruled

KINDS = ("progress_report", "recertification", "discharge")
NOT_CLINICIANS = ("assistant", "student", "aide")


@rule(
    code="PR-02",
    title="Progress report written by an assistant or student",
    severity="medium",
    subject="note",
    unit="progress report, recertification or discharge note",
    cites=["mbpm-15-220.3-d"],
    needs=["notes.kind", "notes.therapist_id", "therapists.role"],
    parameters=list(PERIOD_PARAMETERS),
    exposes="days",
    message={
        "overdue": "The {written} of {service_date} was written by {author} ({author_is}), and no therapist wrote "
        "one for "
        "the period that was due {due_on}",
        "undue": "The {written} of {service_date} was written by {author} ({author_is}), and no therapist wrote "
        "one",
        "open": "The {written} of {service_date} was written by {author} ({author_is}); a therapist can still "
        "write the "
        "report in time",
    },
    fix={
        "overdue": "The report of {service_date} was authored by {author_is}. The therapist must write the "
        "assessment of "
        "each goal and the plan, dated today; the assistant's data may be referenced. Hold visits after "
        "{due_on}.",
        "undue": "The report of {service_date} was authored by {author_is}. The therapist must write the "
        "assessment of "
        "each goal and the plan, dated today; the assistant's data may be referenced.",
        "open": "The therapist writes the assessment of each goal and the plan before the period's report is "
        "overdue; the "
        "assistant's data may be referenced.",
    },
)
def report_by_assistant_or_student(
    notes: nw.LazyFrame, treatment_days: nw.LazyFrame, as_of: datetime, absent_columns: frozenset[str]
) -> nw.LazyFrame:
    """A progress report is the clinician's: an assistant or a student may supply data, not the report.

    ## What it checks
    Each progress report, recertification and discharge note whose author is an assistant, a student or an
    aide must have beside it a report that a therapist wrote and signed for the same period.

    ## Why it matters
    The assessment of progress and the plan need a clinician's judgement. A report without it is no report,
    and the visits after the day it was due stand unsupported.

    ## How we read the rule
    - A co-signature does not make an assistant's report the therapist's.
    - An assistant may record measurements, in a treatment note or in a report of their own; the therapist's
      report may cite them. A therapist's signed report for the period is enough, late or not (PR-01 judges
      when), unless its own dates begin after the period's end.
    - An assistant's treatment note with the dates of a period is data, not a report.
    - Speech-language pathology has no exception: Medicare knows no assistants there.
    - Until the period's report is overdue the therapist can still write it: a reminder.
    - At risk are the visits after the due day, as in PR-01; nothing where no report was due yet.
    - A payer without progress reports is not judged. A commercial plan's severity is that of PR-01.

    ## What it does not check
    An evaluation or re-evaluation by an assistant (SUP-06); what a report says (PR-04).
    """
    reports = notes.filter(
        nw.col("attended") & nw.coalesce(nw.col("kind").is_in(KINDS), nw.lit(False))
    ).with_columns(
        ended_on=nw.coalesce(nw.col("period_to"), nw.col("service_date"), written_on()),
        unknown_author=author_doubt(),
        written=note_called(),
        author_is=nw.coalesce(nw.col("author_credential"), nw.col("author_role")),
    )
    periods = exposed(report_periods(treatment_days, notes, as_of, absent_columns))
    unknown = nw.coalesce(nw.col("policy_missing"), nw.col("period_unknown"))
    judged = reports.join(_period_of(reports, periods), on="note_id", how="left")
    return judge(
        judged.with_columns(
            policy_missing=nw.when(_by_other()).then(unknown).otherwise(nw.col("policy_missing")),
            case=_case(),
            fault=_case(),
            severity=nw.when(_in_time()).then(nw.lit("info")).otherwise(report_severity()),
        ),
        applies=ruled("progress_report_treatment_days", "progress_report_calendar_days"),
        cannot_tell={fact: nw.col("unknown_author") == fact for fact in ("notes.therapist_id", "therapists.role")},
        fails=_by_other() & ~_has_own_report(),
    ).select(
        "note_id", "outcome", "missing", "case", "fault", "severity", "written", "author", "author_is", "author_role",
        "due_on", "deadline", "exposed_from", "exposed_to", "cosigned_by",
        "progress_report_treatment_days__id", "progress_report_exposure__id", "progress_report_severity__id",
    )  # fmt: skip


def _period_of(reports: nw.LazyFrame, periods: nw.LazyFrame) -> nw.LazyFrame:
    """The period that each report would serve: the last missing one begun by its end, else the last one begun."""
    begun = (
        reports.select("note_id", "patient_id", "discipline", "ended_on")
        .join(periods, on=["patient_id", "discipline"], suffix="_of_period")
        .filter(nw.col("period_from") <= nw.col("ended_on"))
        .with_columns(missed=nw.when(nw.col("case") == "missing").then(nw.lit(1)).otherwise(nw.lit(0)))
    )
    worst = begun.group_by("note_id").agg(missed=nw.col("missed").max())
    last = (
        begun.join(worst, on=["note_id", "missed"])
        .group_by("note_id")
        .agg(period_from=nw.col("period_from").max())
    )
    return begun.join(last, on=["note_id", "period_from"]).select(
        "note_id",
        "due_on",
        "deadline",
        "exposed_from",
        "exposed_to",
        "report_from",
        period="case",
        period_unknown="policy_missing",
    )


def _by_other() -> nw.Expr:
    """Whether somebody who is no clinician wrote the note."""
    return nw.coalesce(nw.col("author_role").is_in(NOT_CLINICIANS), nw.lit(False))


def _has_own_report() -> nw.Expr:
    """Whether a clinician reported on the period too: a report whose own dates begin after it is none of it."""
    reported = nw.coalesce(nw.col("period").is_in(["passed", "late"]), nw.lit(False))
    return reported & ~nw.coalesce(nw.col("report_from") > nw.col("ended_on"), nw.lit(False))


def _in_time() -> nw.Expr:
    """Whether a therapist can still write the period's report in time."""
    return nw.coalesce(nw.col("period").is_in(["open", "running"]), nw.lit(False))


def _case() -> nw.Expr:
    overdue = nw.when(nw.col("due_on").is_null()).then(nw.lit("undue")).otherwise(nw.lit("overdue"))
    return nw.when(_in_time()).then(nw.lit("open")).otherwise(overdue)

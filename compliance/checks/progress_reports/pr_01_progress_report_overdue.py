"""PR-01: a progress report was written too late, or never."""

from datetime import datetime

import narwhals as nw

from compliance.checks.progress_reports.periods import (
    PERIOD_PARAMETERS,
    TROUBLE,
    exposed,
    report_notes,
    report_periods,
)
from compliance.checks.progress_reports.terms import report_severity, with_nobodys
from compliance.checks.rule import rule
from compliance.checks.terms import EPISODE, judge, yes

PERIOD = (*EPISODE, "period_from")
PARTICIPATION = ("active_participation_required", "delayed_participation_allowed")


@rule(
    code="PR-01",
    title="Progress report overdue",
    severity="medium",
    subject="period",
    unit="progress report period",
    cites=["mbpm-15-220.3-d", "42-cfr-410.61"],
    needs=["notes.kind", "notes.service_date", "notes.patient_id"],
    absence_of={"notes": "patient"},
    adds_up={"claim_lines": "patient", "notes": "patient"},
    parameters=list(PERIOD_PARAMETERS),
    exposes="days",
    message={
        "late": "{treatment_days} treatment days since {since} ({allowed}): the report due {due_on} was written "
        "{written_on}, after {deadline}",
        "missing": "{treatment_days} treatment days since {since} ({allowed}): no report covers the period from "
        "{period_from}, due {due_on}",
        "open": "{treatment_days} treatment days since {since} ({allowed}): a report is due and can be written "
        "in time "
        "until {deadline}",
        "undischarged": "No therapist's discharge note closes the last period, {treatment_days} treatment days from "
        "{period_from} to {period_to}; there was no visit for {discharge_note_days} days after {episode_to}",
    },
    fix={
        "late": "The report for the treatment days {period_from} to {period_to} came after {deadline}. State "
        "the reason "
        "for the delay in the record and review the claims for visits after {due_on} until it was written.",
        "missing": "The progress report for the treatment days {period_from} to {period_to} was due {due_on}. The "
        "therapist "
        "must write a report covering each goal, dated today (no back-dating), state the reason for the "
        "delay, and hold "
        "claims for visits after {due_on}.",
        "open": "The therapist writes a report covering each goal by {deadline}, dated the day it is "
        "written.",
        "undischarged": "The therapist writes the discharge note, dated today, or records why treatment goes "
        "on.",
    },
)
def progress_report_overdue(
    treatment_days: nw.LazyFrame, notes: nw.LazyFrame, as_of: datetime, absent_columns: frozenset[str]
) -> nw.LazyFrame:
    """A progress report of the clinician is due at least once in each run of treatment days, and in writing
    soon after.

    ## What it checks
    Treatment days are counted from the first day of the episode, and again from the day after each report's
    period. A period ends on the day that its report says, or on the last allowed treatment day. A period
    whose report was written after the days of grace, or never, is a finding. Until the grace has passed it
    is a reminder.

    ## Why it matters
    The progress report shows that treatment still needs a therapist. Without it a reviewer may deny every
    later visit until one is written; a missing or incomplete report is among the first reasons for denial
    of 97530.

    ## How we read the rule
    - A treatment day is one calendar day with treatment, evaluation or re-evaluation; two sessions on a day
      are one.
    - Day 1 is the first day of the episode, whether evaluation or treatment.
    - Each discipline has its own count; days under a payer without such a rule are not counted.
    - Absences and days without treatment do not count, and do not lift the duty to write.
    - A report is a signed progress report, recertification, re-evaluation or discharge note, or any signed
      note that names its period's dates, written by a therapist of the discipline. A co-signature does not make an
      assistant's report the therapist's (PR-02).
    - A report that names no end covers the days until it was written; none can end after it was written.
    - Each report serves one period. Closed early, it moves the next due day and leaves this deadline as it
      was; closed late, it gains no days.
    - A report is in time if it was written within the days of grace after the day it was due, that day
      being day 0.
    - Where the payer also sets calendar days, the period ends with the last of them if treatment went on
      after it: Medicare until 2012, many commercial plans. Medicare Part B has had no calendar limit since
      2013.
    - At risk are the visits after the due day until the day before the report was written; a policy may put
      the whole period at risk.
    - A discharge note closes the last, short period. Where treatment stopped without one, that is a
      weakness of the record, no more.
    - A report whose author, signature or discipline is unknown is neither counted nor ignored: what depends
      on it cannot be told. Nor can a report that is missing or late where one of the clinic and discipline, of the days of
      the period or of its grace, names no patient; nor those of the episode's later periods, for which report serves which
      hangs on it.

    ## What it does not check
    What the report says (PR-04), whether an assistant wrote it (PR-02), or whether the therapist treated in
    the period (PR-03). Reports by physicians are not recognised: their role is unknown, so what depends on
    them cannot be told.
    """
    severity = nw.when(nw.col("case") == "open").then(nw.lit("info")).otherwise(report_severity())
    periods = exposed(report_periods(treatment_days, notes, as_of, absent_columns)).with_columns(
        fault=nw.col("case"),
        severity=nw.when(nw.col("case") == "undischarged").then(nw.lit("low")).otherwise(severity),
    )
    last = nw.coalesce(nw.col("deadline"), nw.lit(as_of).cast(nw.Datetime("us")))
    periods = with_nobodys(periods, report_notes(notes), PERIOD, nw.col("period_from"), last)
    trouble = nw.col("case").is_in(TROUBLE)
    doubt = nw.when(trouble & yes("nobodys")).then(nw.lit(1)).otherwise(nw.lit(0))
    # what came after a report that may be nobody's served this period, where it may have served the next
    periods = periods.with_columns(doubt=doubt).with_columns(
        doubt=nw.col("doubt").cum_max().over(*EPISODE, order_by="period_from")
    )
    return judge(
        periods,
        applies=~nw.col("case").is_in(["running", "no_rule"]),
        cannot_tell={"notes.patient_id": trouble & yes("doubt")},
        fails=trouble,
    ).drop(
        "last_of_episode",
        "next_written_on",
        "episode_days",
        "nobodys",
        "doubt",
        *PARTICIPATION,
        *(f"{name}__id" for name in PARTICIPATION),
    )

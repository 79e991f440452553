"""PR-03: assistants treated through a whole progress report period, the clinician on no day of it."""

from datetime import datetime

import narwhals as nw

from compliance.checks.progress_reports.periods import PERIOD_PARAMETERS, report_periods
from compliance.checks.rule import rule
from compliance.checks.terms import flag, judge

DAY = ("patient_id", "discipline", "service_date")
PERIOD = ("patient_id", "discipline", "period_from")
CLINICIANS_OWN = ("evaluation", "reevaluation")
NEVER_ASSISTED = "SLP"
DELAYED = (
    "(?i)(?:delayed|late|missed)[a-z ]{0,30} participation|participation[a-z ]{0,30} (?:delayed|late|missed)"
)
"""How a treatment note says that the clinician's participation came after its period."""


@rule(
    code="PR-03",
    title="No clinician participation in the period",
    severity="medium",
    subject="period",
    unit="progress report period with assistants' visits",
    cites=["mbpm-15-220-a", "mbpm-15-220.3-d"],
    needs=["notes.kind", "interventions", "therapists.role"],
    absence_of={"interventions": "patient"},
    parameters=list(PERIOD_PARAMETERS),
    exposes="days",
    message={
        "absent": "Assistants treated on {assisted_days} days from {period_from} to {period_to}; the therapist "
        "gave no "
        "service of their own",
        "unexpected": "Assistants treated on {assisted_days} days from {period_from} to {period_to} without a service "
        "of the "
        "therapist, and then treatment ended unexpectedly",
        "open": "Assistants treated on {assisted_days} days from {period_from} to {period_to} without a service "
        "of the "
        "therapist, who can still take part",
    },
    fix="No service by the therapist between {period_from} and {period_to}. Schedule a therapist-furnished "
    "visit now, and document in its treatment note the delayed participation, its reason, and the guidance given "
    "to the assistant.",
)
def no_clinician_participation(
    treatment_days: nw.LazyFrame,
    notes: nw.LazyFrame,
    interventions: nw.LazyFrame,
    episodes: nw.LazyFrame,
    as_of: datetime,
    absent_columns: frozenset[str],
) -> nw.LazyFrame:
    """In each period in which assistants treat, the clinician gives at least one billable service alone.

    ## What it checks
    Of each progress report period (as PR-01 finds them) with visits by assistants: whether a therapist
    furnished, in its entirety, at least one billable service on at least one day.

    ## Why it matters
    The therapist's part is what makes an assistant's service skilled therapy under the therapist's plan. A
    period without it is not complete, even with a report written from the chart, and its assistants' lines
    may be recovered.

    ## How we read the rule
    - A service is the therapist's in its entirety where the therapist delivered it and no minute of it was
      an assistant's, an aide's or a student's alone. An evaluation or re-evaluation by the therapist is
      one.
    - Periods without an assistant's visit are not judged, nor is a period that still runs.
    - Participation that came after its period counts where a treatment note of the therapist says that it
      was delayed and the therapist treated on that day.
    - Until the period's report is overdue the missing participation is a reminder.
    - Where the episode ended unexpectedly, or treatment stopped without a discharge note, the last period's
      lack is a weakness of the record.
    - Speech-language pathology always passes.
    - At risk are the assistants' lines of the period.
    - A day whose deliverer is unknown may have been the therapist's: what depends on it cannot be told. Neither can a
      period of an unknown payer.

    ## What it does not check
    The reason and the guidance that a delayed participation must state, nor the level of supervision
    (SUP-01).
    """
    periods = report_periods(treatment_days, notes, as_of, absent_columns)
    days = _who_treated(treatment_days, notes, interventions)
    judged = (
        periods.join(_in_period(days, periods), on=list(PERIOD), how="left")
        .join(_made_up_for(days, periods), on=list(PERIOD), how="left")
        .join(_unexpected(periods, episodes), on=list(PERIOD), how="left")
    )
    speech = nw.col("discipline") == NEVER_ASSISTED
    made_up = ~nw.col("made_up_on").is_null() & nw.coalesce(
        nw.col("delayed_participation_allowed"), nw.lit(False)
    )
    alone = (nw.col("furnished_days") == 0) & ~made_up & ~speech
    weak = ~nw.col("unexpected").is_null() | (nw.col("case") == "undischarged")
    fault = nw.when(weak).then(nw.lit("unexpected")).otherwise(nw.lit("absent"))
    severity = nw.when(weak).then(nw.lit("low")).otherwise(nw.lit("medium"))
    still_open = nw.col("case") == "open"
    judged = judged.with_columns(
        period=nw.col("case"),
        severity=nw.when(still_open).then(nw.lit("info")).otherwise(severity),
        fault=nw.when(still_open).then(nw.lit("open")).otherwise(fault),
        exposed_role=nw.lit("assistant"),
        exposed_from=nw.col("period_from"),
        exposed_to=nw.col("period_to"),
    ).with_columns(case=nw.col("fault"))
    return judge(
        judged,
        applies=~nw.col("period").is_in(["running", "no_rule"])
        & ((nw.col("assisted_days") > 0) | ((nw.col("untold_days") > 0) & alone))
        & nw.coalesce(nw.col("active_participation_required"), ~nw.col("policy_missing").is_null()),
        cannot_tell={"interventions.therapist_id": alone & (nw.col("untold_days") > 0)},
        fails=alone,
    ).select(
        *PERIOD, "outcome", "missing", "severity", "case", "fault", "service_date", "payer_id", "clinic_id",
        "therapist_id", "note_id", "period_to", "assisted_days", "furnished_days", "untold_days", "made_up_on",
        "due_on", "deadline", "period", "exposed_role", "exposed_from", "exposed_to",
        "progress_report_treatment_days__id",
        "active_participation_required__id", "delayed_participation_allowed__id",
    )  # fmt: skip


def _who_treated(
    treatment_days: nw.LazyFrame, notes: nw.LazyFrame, interventions: nw.LazyFrame
) -> nw.LazyFrame:
    """Of each treatment day, 0 or 1: `furnished` by a clinician alone, `assisted`, `untold` (by whom), `delayed`."""
    role = nw.col("deliverer_role")
    shared = [
        nw.coalesce(nw.col(f"{who}_minutes"), nw.lit(0)) > 0 for who in ("assistant", "aide", "student")
    ]
    services = interventions.filter(nw.col("attended")).select(
        *DAY,
        furnished=flag((role == "therapist") & ~nw.any_horizontal(*shared, ignore_nulls=True)),
        assisted=flag((role == "assistant") | shared[0]),
        untold=flag(role.is_null()),
        delayed=flag(nw.lit(False)),
    )
    visits = notes.filter(nw.col("is_visit"))
    author, own = nw.col("author_role"), nw.col("kind").is_in(CLINICIANS_OWN)
    unlisted = ~nw.col("treated")
    noted = visits.select(
        *DAY,
        furnished=flag(unlisted & own & (author == "therapist")),
        assisted=flag(unlisted & (author == "assistant")),
        untold=flag(unlisted & (author.is_null() | ((author == "therapist") & ~own))),
        delayed=flag(
            (author == "therapist") & ~nw.col("signed_on").is_null() & nw.col("text").str.contains(DELAYED)
        ),
    )
    unnoted = treatment_days.join(visits.select(*DAY).unique(), on=list(DAY), how="anti").select(
        *DAY, furnished=flag(nw.lit(False)), assisted=flag(nw.lit(False)), untold=flag(nw.lit(True)),
        delayed=flag(nw.lit(False)),
    )  # fmt: skip
    facts = ("furnished", "assisted", "untold", "delayed")
    every = nw.concat([services, noted, unnoted], how="vertical")
    return every.group_by(*DAY).agg(*(nw.col(name).max() for name in facts))


def _in_period(days: nw.LazyFrame, periods: nw.LazyFrame) -> nw.LazyFrame:
    """How many days of each period a clinician, an assistant and nobody known treated on."""
    within = (nw.col("service_date") >= nw.col("period_from")) & (
        nw.col("service_date") <= nw.col("period_to")
    )
    spans = periods.select(*PERIOD, "period_to")
    return (
        days.join(spans, on=["patient_id", "discipline"])
        .filter(within)
        .group_by(*PERIOD)
        .agg(
            furnished_days=nw.col("furnished").sum(),
            assisted_days=nw.col("assisted").sum(),
            untold_days=nw.col("untold").sum(),
        )
    )


def _made_up_for(days: nw.LazyFrame, periods: nw.LazyFrame) -> nw.LazyFrame:
    """The day on which a clinician made up for each period's participation: it serves the period just before it."""
    spans = periods.select(*PERIOD, "period_to", "episode_to")
    after = (
        days.filter((nw.col("furnished") == 1) & (nw.col("delayed") == 1))
        .join(spans, on=["patient_id", "discipline"])
        .filter(
            (nw.col("service_date") > nw.col("period_to")) & (nw.col("service_date") <= nw.col("episode_to"))
        )
    )
    before = after.group_by(*DAY).agg(period_from=nw.col("period_from").max())
    return before.group_by(*PERIOD).agg(made_up_on=nw.col("service_date").min())


def _unexpected(periods: nw.LazyFrame, episodes: nw.LazyFrame) -> nw.LazyFrame:
    """The last periods of episodes that ended unexpectedly."""
    ended = episodes.filter(nw.col("discharge_reason") == "unexpected").select(
        "patient_id", "discipline", "first_treatment_on", "discharged_on"
    )
    begun = nw.col("first_treatment_on").is_null() | (nw.col("first_treatment_on") <= nw.col("episode_to"))
    open_then = nw.col("discharged_on").is_null() | (nw.col("discharged_on") >= nw.col("period_from"))
    return (
        periods.filter(nw.col("last_of_episode"))
        .join(ended, on=["patient_id", "discipline"])
        .filter(begun & open_then)
        .select(*PERIOD)
        .unique()
        .with_columns(unexpected=nw.lit(1))
    )

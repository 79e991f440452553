"""RTM-05: monitoring that aides or students did, or assistants without CQ or CO or without supervision."""

import narwhals as nw

from compliance.checks.assistant_modifiers.services import marked, modifier, withheld
from compliance.checks.one_on_one.sessions import within
from compliance.checks.remote_monitoring.events import LINE, month, of_set, supported_units, untold
from compliance.checks.remote_monitoring.givers import (
    FIRST,
    FURTHER,
    SETTING,
    SETUP,
    UNCOUNTED,
    given,
    lacking,
    maybe_given,
    sums,
    supervision_level,
)
from compliance.checks.rule import rule
from compliance.checks.terms import first, flag, judge, ruled, yes
from compliance.checks.units.lines import lost_of

MONTH = ["patient_id", "payer_id", "discipline", "month"]
PEOPLE = {"aide": "an aide", "student": "a student", "speech_assistant": "a speech assistant"}


@rule(
    code="RTM-05",
    title="Monitoring by others",
    severity="medium",
    subject="line",
    unit="line of set-up or management",
    cites=["mbpm-15-230-b", "rtm-modifiers", "cms-remote-monitoring", "mcpm-5-20.1", "42-cfr-410.62"],
    needs=["rtm.patient_id", "rtm.therapist_id", "rtm.minutes", "rtm.date", "rtm.kind", "claim_lines.cpt"],
    parameters=["monitoring_aide_billable", "monitoring_assistant_share", "monitoring_minutes", "monitoring_short_minutes",
                "monitoring_period_days", "slp_assistant_billable", "remote_monitoring_supervision",
                "assistant_supervision", "virtual_counts_as_direct", "assistant_payment_factor", "coinsurance"],
    exposes="line",
    message={
        "units": "Of {month_minutes} management minutes in the month of {service_date} {uncounted_by} gave "
        "{uncounted_minutes}; units of {cpt} that fall away without them: {lost} of {units}",
        "minutes": "Of {month_minutes} management minutes in the month of {service_date} {uncounted_by} gave "
        "{uncounted_minutes}; what was billed stands without them",
        "modifier": "An assistant gave {service_assistant_minutes} of the {service_minutes} minutes that {cpt} of "
        "{service_date} stands for; it lacks {modifier}",
        "setup": "An assistant took part in the set-up that {cpt} of {service_date} stands for; it lacks {modifier}",
        "tests_differ": "An assistant gave {service_assistant_minutes} of the {service_minutes} minutes that {cpt} of "
        "{service_date} stands for; the two tests of whether it wants {modifier} disagree",
        "supervision": "An assistant's part of {cpt} of {service_date} lacked its supervision ({supervision_level})",
    },
    fix={
        "units": "Remove the minutes of {uncounted_by}; bill what the therapist's and the assistant's support.",
        "minutes": "Remove the minutes of {uncounted_by} from the month's total.",
        **dict.fromkeys(("modifier", "setup"), "Add {modifier} to {cpt}, beside the discipline's modifier."),
        "tests_differ": "Choose one of the two tests, write it into the billing policy, and keep to it.",
        "supervision": "Do not bill what an assistant did without supervision of the level required.",
    },
)  # fmt: skip
def minutes_not_the_therapists(
    claim_lines: nw.LazyFrame, rtm: nw.LazyFrame, therapists: nw.LazyFrame
) -> nw.LazyFrame:
    """Therapists may not bill what their staff did; an assistant's part counts, marked and supervised.

    ## What it checks
    Each line of 98979, 98980 and 98981: who gave the management minutes of the patient's month. Each line of 98975: who
    set the device up.

    ## Why it matters
    A therapist has no benefit for services of others. Units that rest on an aide's or a student's minutes are to be
    repaid, and an assistant's are paid at a lower rate.

    ## How we read the rule
    - The minutes of aides and students leave the month's total, and those of speech assistants where the payer pays none.
      Units that fall away with them are a repayment risk; where 98979 still fits, 98980 should have been 98979. Where none
      falls away it is a weakness of documentation.
    - An assistant's minutes count. Where they are more than 10 percent of the service, the line bears CQ or CO. The two
      tests are those of AST-01: only where both say so is it a finding; where one does, it is worth knowing.
    - Each code is a service of its own. By their dates the first 20 minutes of a month are those of 98980, the further
      those of 98981. Where 98980 stands alone the whole month may be its service, and both readings must agree; so must
      both orders where therapist and assistant wrote down the same date.
    - A set-up is the latest period's up to the date of 98975. One that an assistant alone gave bears CQ or CO; one that both gave
      is judged by its minutes.
    - Speech therapy bears neither.
    - Missing CQ or CO risks the part of the payment that is reduced, of the payer's share without the coinsurance.
    - Medicare asks for general supervision of an assistant who monitors; in private practice before 2024 for direct, as of
      any assistant. Where supervision is not documented it cannot be told, nor where the setting that decides is unknown.
    - Minutes of people who are not known cannot be told. Nor can a line of whose month an event without a date, a kind or
      a patient may be, unless everything is a therapist's, or an assistant's known part lacked its supervision.

    ## What it does not check
    Whether the billed units were supported before such minutes left (RTM-02). Set-up by an aide, a student or a speech
    assistant. CQ or CO that is not needed (AST-02).
    """
    lines = _lines(claim_lines)
    events = given(lines, rtm, therapists)
    units = lines.join(sums(events), on=LINE, how="left").join(lacking(events), on=LINE, how="left")
    units = units.join(maybe_given(lines, rtm, therapists), on=LINE, how="left")
    units = _lost(units.filter(~nw.col("month_minutes").is_null() | yes("maybe_any")))
    speech = nw.coalesce(nw.col("discipline") == "SLP", nw.lit(False))
    bare = (nw.col("is_marked") == 0) & ~speech
    sure, perhaps = (bare & (nw.col(name) > 0) for name in ("sure", "perhaps"))
    managing = nw.col("cpt") != SETUP
    units = units.with_columns(
        case=first(
            ("units", managing & (nw.col("lost") > 0)),
            ("supervision", yes("unguarded") & (nw.col("unread_level") == 0)),
            ("modifier", managing & sure),
            ("setup", sure),
            ("minutes", managing & (nw.col("uncounted_minutes") > 0)),
            ("tests_differ", perhaps),
        )
    )
    case = nw.col("case")
    undecided = yes("assisted") & nw.col("missing_units").is_null() & bare
    open_question = case.is_null()
    shared = yes("maybe_any") & (yes("assisted") | yes("unknown_people") | (nw.col("uncounted") > 0))
    certain = nw.coalesce(case == "supervision", nw.lit(False))
    setting = nw.coalesce(nw.col("policy_missing") == SETTING, nw.lit(False))
    payer = nw.when(~setting).then(nw.col("policy_missing"))
    return judge(
        units.with_columns(policy_missing=payer),
        applies=ruled("monitoring_aide_billable", "monitoring_assistant_share"),
        cannot_tell={
            **untold(~certain & (yes("maybe_others") | shared)),
            "rtm.minutes": (managing & yes("uncounted") & yes("unknown_minutes") & ~yes("unguarded"))
            | (open_question & undecided),
            "rtm.therapist_id": open_question & yes("unknown_people"),
            "rtm.supervision": open_question & yes("unknown_guard"),
            SETTING: open_question & yes("unread_level"),
        },
        fails=~open_question,
    ).select(
        *LINE, "outcome", "missing", "case", "cpt", "service_date", "patient_id", "discipline", "clinic_id", "payer_id",
        "therapist_id", "month_minutes", "aide_minutes", "uncounted_minutes", "assistant_minutes", "service_minutes",
        "service_assistant_minutes", "units", "lost", "modifiers", "supervision_level", "monitoring_aide_billable__id",
        "monitoring_assistant_share__id", "remote_monitoring_supervision__id", "assistant_supervision__id",
        "assistant_payment_factor__id", "coinsurance__id", fault="case", uncounted_by=_uncounted_by(), modifier=modifier(),
        severity=nw.when(case == "minutes").then(nw.lit("low")).otherwise(
            nw.when(case == "tests_differ").then(nw.lit("info")).otherwise(nw.lit("medium"))
        ),
        exposed_units=nw.when(case == "units").then(nw.col("lost")),
        exposed_as=nw.when((case == "units") & nw.col("shorter_fits")).then(nw.lit("98979")),
        exposed_share=nw.when(case.is_in(["modifier", "setup"])).then(nw.col("sure") / nw.col("units") * withheld()),
    )  # fmt: skip


def _lines(claim_lines: nw.LazyFrame) -> nw.LazyFrame:
    """Lines of set-up and management, with the units of their code and month that bear CQ or CO, and of 98981."""
    judged = of_set("monitoring_management") | nw.coalesce(nw.col("cpt") == SETUP, nw.lit(False))
    billed = nw.coalesce(nw.col("units"), nw.lit(0))
    lines = claim_lines.filter(judged).with_columns(month=month("service_date"), is_marked=flag(marked()))
    bears = nw.col("is_marked") > 0
    lines = lines.with_columns(
        marked_units=nw.when(bears).then(billed).otherwise(nw.lit(0)),
        unmarked_units=nw.when(bears).then(nw.lit(0)).otherwise(billed),
        further_units=nw.when(nw.col("cpt") == FURTHER).then(billed).otherwise(nw.lit(0)),
        supervision_level=nw.coalesce(supervision_level(), nw.lit("any")),
        price=nw.coalesce(nw.when(nw.col("units") > 0).then(nw.col("amount") / nw.col("units")), nw.lit(0.0)),
    )
    return lines.with_columns(
        *(
            nw.col(name).sum().over(*MONTH, "cpt").cast(nw.Int64)
            for name in ("marked_units", "unmarked_units")
        ),
        nw.col("further_units").sum().over(*MONTH).cast(nw.Int64),
    )


def _lost(units: nw.LazyFrame) -> nw.LazyFrame:
    """Add `lost`, the units that fall away with minutes that do not count, and `sure` and `perhaps`, those that lack CQ."""
    counted = nw.col("month_minutes") - nw.col("uncounted_minutes")
    before, after = (
        within(supported_units(minutes), nw.coalesce(nw.col("units"), nw.lit(0)))
        for minutes in (nw.col("month_minutes"), counted)
    )
    brief = (nw.col("cpt") == FIRST) & (counted >= nw.col("monitoring_short_minutes"))
    told = [nw.coalesce(nw.col(f"by_{each}"), nw.lit(0)) for each in UNCOUNTED]
    units = units.with_columns(
        lost=before - after,
        shorter_fits=nw.coalesce(brief, nw.lit(False)),
        uncounted=told[0] + told[1] + told[2],
    )
    by = [*MONTH, "cpt", "is_marked"]
    units = lost_of(units, "sure", nw.col("missing_units"), by)
    return lost_of(units, "perhaps", nw.col("maybe_units"), by)


def _uncounted_by() -> nw.Expr:
    """Who gave the minutes that do not count, in words."""
    alone = nw.col("uncounted") == 1
    named = first(*((words, alone & yes(f"by_{who}")) for who, words in PEOPLE.items()))
    return nw.coalesce(named, nw.lit("people whose minutes do not count"))

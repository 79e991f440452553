"""RTM-02: the month's management minutes do not support the code, or nobody spoke with the patient."""

import narwhals as nw

from compliance.checks.one_on_one.sessions import within
from compliance.checks.remote_monitoring.events import (
    LINE,
    MANAGING,
    maybe_minutes,
    month,
    month_minutes,
    of_set,
    supported_units,
    untold,
)
from compliance.checks.rule import rule
from compliance.checks.terms import first, flag, judge, ruled, yes

MONTH = ["patient_id", "discipline", "payer_id", "month"]
FEW = ["shorter", "minutes"]
"""Faults of too few minutes."""


@rule(
    code="RTM-02",
    title="Management minutes do not fit the code",
    severity="high",
    subject="line",
    unit="line of monitoring management",
    cites=["cms-rtm-2026"],
    needs=["rtm.patient_id", "rtm.date", "rtm.kind", "rtm.minutes", "claim_lines.cpt"],
    absence_of={"rtm": "patient"},
    parameters=["monitoring_minutes", "monitoring_short_minutes"],
    exposes="line",
    message={
        "contact": "No live contact with the patient in the month of {service_date}, in which {cpt} was billed",
        "both": "{cpt} was billed beside 98980 in the month of {service_date}; the month has one of them",
        "shorter": "{month_minutes} minutes in the month of {service_date}; 98980 needs {monitoring_minutes}, 98979 fits",
        "minutes": "{month_minutes} minutes in the month of {service_date} support {units_supported} units of {cpt}; {units} "
        "were billed",
        "longer": "{month_minutes} minutes in the month of {service_date} are more than {cpt} is for; 98980 fits",
    },
    fix={
        "contact": "Do not bill the month; or add the date of the live contact, if there was one.",
        "both": "Remove {cpt} from the month.",
        "shorter": "Bill 98979 for {month_minutes} min.",
        "minutes": "Bill {units_supported} units of {cpt} for {month_minutes} min.",
        "longer": "Bill 98980 for {month_minutes} min.",
    },
)
def minutes_do_not_fit_code(
    claim_lines: nw.LazyFrame, rtm: nw.LazyFrame, therapists: nw.LazyFrame
) -> nw.LazyFrame:
    """Management is paid by the minutes of a calendar month, and asks for a live contact in it.

    ## What it checks
    Each line of 98979, 98980 and 98981: the minutes of the patient's month, and whether there was a live contact.

    ## Why it matters
    Units whose minutes are not there, and months without a live contact, are not payable as billed.

    ## How we read the rule
    - The minutes of live contacts count in the month's total.
    - A live contact by an aide alone is none.
    - 98980 stands for the first minutes, each unit of 98981 for as many more; 98979 for the fewer that its policy names.
    - Where 98980 was billed and only 98979 fits, the line should have been 98979. Before there was 98979 nothing fits.
    - 98979 beside 98980 in one month falls away.
    - 98979 where 98980 fits is worth knowing.
    - Minutes of the discipline of the line count, and those of people whose discipline is not known.
    - A patient without any record of management cannot be told. Missing minutes may only help: without them too few
      minutes cannot be told.
    - An event without a date, a kind or a patient may be of the month: where its minutes or the contact would decide, it
      cannot be told.

    ## What it does not check
    Who gave the minutes (RTM-05). The most units of 98981 (UNIT-06).
    """
    lines = claim_lines.filter(of_set("monitoring_management")).with_columns(month=month("service_date"))
    known = rtm.filter(nw.coalesce(nw.col("kind").is_in(MANAGING), nw.lit(False)))
    units = (
        lines.join(month_minutes(lines, rtm, therapists), on=LINE, how="left")
        .join(
            known.select("patient_id").unique().with_columns(managed=flag(nw.lit(True))),
            on="patient_id",
            how="left",
        )
        .join(_with_98980(lines), on=MONTH, how="left")
        .join(maybe_minutes(lines, rtm, therapists), on=LINE, how="left")
    )
    units = _judged_twice(units)
    case = nw.col("case")
    few = nw.coalesce(case.is_in(FEW), nw.lit(False))
    fitting = nw.lit("fits")
    doubtful = (nw.coalesce(case, fitting) != nw.coalesce(nw.col("at_most"), fitting)) | (
        few & ((nw.col("excess") != nw.col("least_excess")) | yes("maybe_unmeasured"))
    )
    facts = untold(doubtful)
    return judge(
        units,
        applies=ruled("monitoring_minutes"),
        cannot_tell={
            **facts,
            "rtm.date": facts["rtm.date"] | ~yes("managed"),
            "rtm.minutes": few & yes("unknown_minutes"),
            "claim_lines.units": nw.col("case").is_null() & nw.col("units").is_null(),
        },
        fails=~nw.col("case").is_null(),
    ).select(
        *LINE, "outcome", "missing", "case", "cpt", "service_date", "patient_id", "discipline", "clinic_id", "payer_id",
        "therapist_id", "month_minutes", "units", "units_supported", "monitoring_minutes", "monitoring_minutes__id",
        "monitoring_short_minutes__id", fault="case",
        severity=nw.when(nw.col("case") == "longer").then(nw.lit("info")).otherwise(nw.lit("high")),
        exposed_units=nw.when(few).then(nw.col("excess")),
        exposed_as=nw.when(nw.col("case") == "shorter").then(nw.lit("98979")),
    )  # fmt: skip


def _judged_twice(units: nw.LazyFrame) -> nw.LazyFrame:
    """Add `case` and `excess` by the minutes and contacts that are known, `at_most` and `least_excess` by all that may be."""
    known = nw.coalesce(nw.col("month_minutes"), nw.lit(0))
    order = nw.concat_str([nw.col("claim_id"), nw.col("line").cast(nw.String)], separator="|")
    units = units.with_columns(
        order=order,
        billed=nw.coalesce(nw.col("units"), nw.lit(0)),
        month_minutes=known,
        most_minutes=known + nw.coalesce(nw.col("maybe_minutes"), nw.lit(0)),
    )
    units = units.with_columns(
        until=nw.col("billed").cum_sum().over(*MONTH, "cpt", order_by="order"),
        units_supported=supported_units(nw.col("month_minutes")),
        most_supported=supported_units(nw.col("most_minutes")),
    )
    units = units.with_columns(
        excess=within(nw.col("until") - nw.col("units_supported"), nw.col("billed")),
        least_excess=within(nw.col("until") - nw.col("most_supported"), nw.col("billed")),
    )
    spoken = yes("contacts")
    return units.with_columns(
        case=_case(nw.col("month_minutes"), spoken, nw.col("excess")),
        at_most=_case(nw.col("most_minutes"), spoken | yes("maybe_contacts"), nw.col("least_excess")),
    )


def _case(minutes: nw.Expr, spoken: nw.Expr, excess: nw.Expr) -> nw.Expr:
    """What is wrong with a line for so many minutes in its month; null where nothing is."""
    longer, shorter = nw.col("monitoring_minutes"), nw.col("monitoring_short_minutes")
    brief = nw.col("cpt") == "98979"
    short_fits = nw.coalesce((minutes >= shorter) & (minutes < longer), nw.lit(False))
    return first(
        ("contact", ~spoken),
        ("both", brief & yes("with_98980")),
        ("longer", brief & ~shorter.is_null() & (minutes >= longer)),
        ("shorter", (nw.col("cpt") == "98980") & short_fits & (excess > 0)),
        ("minutes", excess > 0),
    )


def _with_98980(lines: nw.LazyFrame) -> nw.LazyFrame:
    """Months in which 98980 was billed."""
    longer = lines.filter(nw.col("cpt") == "98980").select(*MONTH).unique()
    return longer.with_columns(with_98980=flag(nw.lit(True)))

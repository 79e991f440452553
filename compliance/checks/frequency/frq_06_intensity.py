"""FRQ-06: an episode with more visits, or more units a visit, than is usual."""

import narwhals as nw

from compliance.checks.rule import rule
from compliance.checks.terms import DAYS_OF_A_WEEK, EPISODE, codes, flag, judge, ruled, whole_days

PARAMETERS = ["intensity_weekly_visits", "intensity_after_weeks", "intensity_weeks", "intensity_episode_visits",
              "intensity_daily_units", "intensity_share", "intensity_least_visits"]  # fmt: skip
IDS = [f"{name}__id" for name in PARAMETERS]
DAY = ("patient_id", "discipline", "service_date")


@rule(
    code="FRQ-06",
    title="Unusual intensity",
    severity="info",
    subject="patient_day",
    unit="episode",
    cites=["oig-therapy-audits", "house-default"],
    needs=["claim_lines.service_date", "claim_lines.units"],
    parameters=PARAMETERS,
    exposes="none",
    message="The episode of {service_date} is more intense than most: {signs}",
    fix="Say in the plan and the reports why so much treatment is needed, with measures; or lower its frequency.",
)
def intensity(treatment_days: nw.LazyFrame, claim_lines: nw.LazyFrame) -> nw.LazyFrame:
    """Amount, frequency and duration of treatment fit what the patient needs.

    ## What it checks
    Each episode: its number of visits, its visits a week once it has gone on for long, and its units a visit.

    ## Why it matters
    Amount, frequency or duration beyond accepted standards is what auditors name most often where they deny medical need.

    ## How we read the rule
    - It is worth knowing and no fault: the numbers are our own. One finding an episode says all that stands out.
    - Weeks of seven days are counted from the episode's first day; only those after the policy's weeks are looked at, and it
      takes several that are too full.
    - Units of all codes count, in more than a share of the visits; of a day with a line without units nothing is known, and
      it is left out. Remote monitoring is no visit.
    - Few visits show no habit: units are looked at from the policy's number of visits on.
    - Each discipline, and each episode, is counted alone.

    ## What it does not check
    Whether the treatment was needed. Visits against the plan (FRQ-03).
    """
    days = treatment_days.select(*EPISODE, "service_date", "payer_id", "policy_missing", *PARAMETERS, *IDS)
    begun = days.group_by(*EPISODE).agg(
        first_on=nw.col("service_date").min(), visits=nw.col("service_date").count()
    )
    first = begun.join(days, left_on=[*EPISODE, "first_on"], right_on=[*EPISODE, "service_date"], how="inner")
    units = first.join(_full_weeks(days, begun), on=list(EPISODE), how="left")
    units = units.join(_full_days(days, claim_lines), on=list(EPISODE), how="left").with_columns(
        nw.coalesce(nw.col(name), nw.lit(0)).alias(name) for name in ("full_weeks", "full_days", "known_days")
    )
    often = nw.col("full_weeks") >= nw.col("intensity_weeks")
    many = nw.col("visits") > nw.col("intensity_episode_visits")
    share = nw.col("full_days") > nw.col("known_days") * nw.col("intensity_share")
    dense = (nw.col("known_days") >= nw.col("intensity_least_visits")) & share
    return judge(
        units.with_columns(signs=_signs(many, often, dense), often=flag(often), many=flag(many), dense=flag(dense)),
        applies=ruled(*PARAMETERS),
        fails=nw.col("often") + nw.col("many") + nw.col("dense") > 0,
    ).select(
        "patient_id", "discipline", "outcome", "missing", "signs", "visits", "full_weeks", "full_days", "known_days",
        "payer_id", *PARAMETERS, *IDS, service_date="first_on",
    )  # fmt: skip


def _full_weeks(days: nw.LazyFrame, begun: nw.LazyFrame) -> nw.LazyFrame:
    """Of each episode, how many weeks late in it hold more visits than is usual: `full_weeks`."""
    since = whole_days(nw.col("service_date") - nw.col("first_on"))
    weeks = (
        days.join(begun.select(*EPISODE, "first_on"), on=list(EPISODE))
        .with_columns(week=since // DAYS_OF_A_WEEK)
        .filter(nw.col("week") >= nw.col("intensity_after_weeks"))
        .group_by(*EPISODE, "week")
        .agg(made=nw.col("service_date").count(), usual=nw.col("intensity_weekly_visits").min())
    )
    full = weeks.filter(nw.col("made") > nw.col("usual"))
    return full.group_by(*EPISODE).agg(full_weeks=nw.col("week").count())


def _full_days(days: nw.LazyFrame, claim_lines: nw.LazyFrame) -> nw.LazyFrame:
    """Of each episode, on how many days its units are known, and on how many they are more than usual."""
    treating = claim_lines.filter(~nw.coalesce(nw.col("cpt").is_in(codes("monitoring")), nw.lit(False)))
    billed = (
        treating.with_columns(unknown=flag(nw.col("units").is_null()))
        .group_by(*DAY)
        .agg(billed=nw.col("units").sum(), unknown=nw.col("unknown").sum())
        .filter(nw.col("unknown") == 0)
    )
    known = days.join(billed, on=list(DAY), how="inner").with_columns(
        full=flag(nw.col("billed") >= nw.col("intensity_daily_units"))
    )
    return known.group_by(*EPISODE).agg(full_days=nw.col("full").sum(), known_days=nw.col("full").count())


def _signs(many: nw.Expr, often: nw.Expr, dense: nw.Expr) -> nw.Expr:
    """What stands out, in words."""

    def number(name: str) -> nw.Expr:
        return nw.col(name).cast(nw.Int64).cast(nw.String)

    told = [
        (many, (number("visits"), nw.lit(" visits"))),
        (often, (nw.lit("more than "), number("intensity_weekly_visits"), nw.lit(" visits a week in "),
                 number("full_weeks"), nw.lit(" weeks after week "), number("intensity_after_weeks"))),
        (dense, (number("intensity_daily_units"), nw.lit(" units or more on "), number("full_days"), nw.lit(" of "),
                 number("known_days"), nw.lit(" visits"))),
    ]  # fmt: skip
    said = [
        nw.when(nw.coalesce(holds, nw.lit(False)))
        .then(nw.concat_str(*parts, nw.lit("; ")))
        .otherwise(nw.lit(""))
        for holds, parts in told
    ]
    return nw.concat_str(*said).str.strip_chars("; ")

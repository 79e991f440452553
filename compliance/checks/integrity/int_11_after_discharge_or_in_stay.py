"""INT-11: a service on a day on which the patient was discharged already, an inpatient, or dead."""

import narwhals as nw

from compliance.checks.integrity.matching import LINE, is_session
from compliance.checks.rule import rule
from compliance.checks.terms import codes, first, has_code, judge, yes

EPISODE = ["patient_id", "discipline"]
STAYS = ("inpatient", "snf_part_a", "home_health", "hospice")


@rule(
    code="INT-11",
    title="After discharge, death or during a stay",
    severity="high",
    subject="line",
    unit="claim line",
    cites=["mcpm-consolidated-billing", "house-default"],
    needs=["claim_lines.service_date", "claims.patient_id", "notes.kind"],
    absence_of={"notes": "patient", "plans_of_care": "patient"},
    parameters=["stays_bar_billing"],
    exposes="line",
    message={
        "deceased": "{cpt} was billed for {service_date}; the patient died on {since}",
        "stay": "{cpt} was billed for {service_date}, during a stay ({stay}) since {since}",
        "discharged": "{cpt} was billed for {service_date}; {discipline} treatment ended with the discharge of {since}",
    },
    fix={
        "deceased": "Correct the date, or refund the line at once.",
        "stay": "Bill the facility that had the patient, or correct the date; do not bill the payer.",
        "discharged": "Correct the date, or establish a new plan from a new evaluation; do not bill the line until then.",
    },
)
def after_discharge_or_in_stay(
    claim_lines: nw.LazyFrame,
    notes: nw.LazyFrame,
    episodes: nw.LazyFrame,
    plans_of_care: nw.LazyFrame,
    stays: nw.LazyFrame,
) -> nw.LazyFrame:
    """Outpatient therapy is not payable on a day on which somebody else is responsible, or nobody could be treated.

    ## What it checks
    Each claim line's day against the patient's discharge from the discipline, death, and stays.

    ## Why it matters
    During an inpatient stay, a Part A stay in a skilled nursing facility or a home health plan, the facility is paid for
    therapy, and the outpatient line is denied. A service after death or discharge draws every reviewer's eye.

    ## How we read the rule
    - A stay counts from its first day; the day of its discharge does not. Where nobody recorded the end of a stay, lines
      after its first day cannot be told: it may have ended, or go on.
    - Which stays bar outpatient therapy is the payer's policy: for Medicare inpatient, skilled nursing (Part A) and home
      health, for others inpatient. Hospice is not among them.
    - The day of death is not after death.
    - Discharge is the day of a discharge note, or of the episode's record. The day itself may be billed. A later
      evaluation, a new plan or a new episode ends it.
    - An export without any stays cannot tell of stays and deaths; a line after discharge is found all the same.
    - Remote monitoring is judged as well, but for discharge.

    ## What it does not check
    Whether the facility has an agreement to pay the outpatient provider. Whether discharge was right.
    """
    lines = claim_lines.with_columns(all=nw.lit(1))
    exported = stays.with_columns(all=nw.lit(1), exported=nw.lit(1)).select("all", "exported").unique()
    lines = (
        lines.join(_in_stay(claim_lines, stays), on=LINE, how="left")
        .join(_in_open_stay(claim_lines, stays), on=LINE, how="left")
        .join(_dead(claim_lines, stays), on=LINE, how="left")
        .join(_discharged(claim_lines, notes, episodes, plans_of_care), on=LINE, how="left")
        .join(exported, on="all", how="left")
    )
    case = first(
        ("deceased", ~nw.col("died_on").is_null()),
        ("stay", ~nw.col("stay").is_null()),
        ("discharged", ~nw.col("discharged_on").is_null() & is_session()),
    )
    lines = lines.with_columns(case=case)
    chosen = {"deceased": nw.col("died_on"), "stay": nw.col("stay_from")}
    since = nw.col("discharged_on")
    for name, day in chosen.items():
        since = nw.when(nw.col("case") == name).then(day).otherwise(since)
    found = ~nw.col("case").is_null()
    return judge(
        lines,
        cannot_tell={
            "stays": ~found & ~yes("exported"),
            "stays.to": ~found & yes("unended"),
        },
        fails=found,
    ).select(
        "claim_id", "line", "outcome", "missing", "case", "cpt", "stay", "stays_bar_billing__id",
        since=nw.when(found).then(since), fault=nw.col("case"),
    )  # fmt: skip


def _in_stay(claim_lines: nw.LazyFrame, stays: nw.LazyFrame) -> nw.LazyFrame:
    """The stay that bars a line: claim_id, line, stay (its kind), stay_from. Of one without an end the first day alone."""
    day = nw.col("service_date")
    last = nw.when(nw.col("ends").is_null()).then(day == nw.col("begins")).otherwise(day < nw.col("ends"))
    found = _begun(claim_lines, stays).filter(last)
    earliest = found.group_by(*LINE).agg(stay_from=nw.col("begins").min(), kind=nw.col("kind").min())
    return earliest.select(*LINE, "stay_from", stay=nw.col("kind").str.replace_all("_", " "))


def _in_open_stay(claim_lines: nw.LazyFrame, stays: nw.LazyFrame) -> nw.LazyFrame:
    """Lines after the first day of a stay of which no end is known: claim_id, line, unended (1)."""
    later = nw.col("ends").is_null() & (nw.col("service_date") > nw.col("begins"))
    return _begun(claim_lines, stays).filter(later).select(*LINE, unended=nw.lit(1)).unique()


def _begun(claim_lines: nw.LazyFrame, stays: nw.LazyFrame) -> nw.LazyFrame:
    """Lines with each stay of a kind that bars them and that had begun by their day: `kind`, `begins`, `ends`."""
    bars = nw.lit(False)
    for kind in STAYS:
        bars = bars | ((nw.col("kind") == kind) & has_code("stays_bar_billing", kind))
    return (
        claim_lines.select(*LINE, "patient_id", "service_date", "stays_bar_billing")
        .join(stays.select("patient_id", "kind", begins="from", ends="to"), on="patient_id")
        .filter((nw.col("begins") <= nw.col("service_date")) & bars)
    )


def _dead(claim_lines: nw.LazyFrame, stays: nw.LazyFrame) -> nw.LazyFrame:
    died = stays.filter(nw.col("kind") == "deceased").group_by("patient_id").agg(died_on=nw.col("from").min())
    lines = claim_lines.select(*LINE, "patient_id", "service_date").join(died, on="patient_id")
    return lines.filter(nw.col("service_date") > nw.col("died_on")).select(*LINE, "died_on")


def _discharged(
    claim_lines: nw.LazyFrame, notes: nw.LazyFrame, episodes: nw.LazyFrame, plans_of_care: nw.LazyFrame
) -> nw.LazyFrame:
    """Lines after the last discharge before them that nothing new followed: claim_id, line, discharged_on."""
    noted = notes.filter(nw.col("kind") == "discharge").select(*EPISODE, on="service_date")
    recorded = episodes.select(*EPISODE, on="discharged_on")
    ends = nw.concat([noted, recorded], how="vertical").filter(~nw.col("on").is_null()).unique()
    evaluating = nw.coalesce(nw.col("cpt").is_in(codes("evaluation")), nw.lit(False))
    begun = nw.concat(
        [
            notes.filter(nw.col("attended") & (nw.col("kind") == "evaluation")).select(*EPISODE, begun="service_date"),
            claim_lines.filter(evaluating).select(*EPISODE, begun="service_date"),
            episodes.select(*EPISODE, begun="first_treatment_on"),
            plans_of_care.select(*EPISODE, begun="evaluated_on"),
            plans_of_care.select(*EPISODE, begun="established_on"),
            plans_of_care.select(*EPISODE, begun="starts_on"),
        ],
        how="vertical",
    ).filter(~nw.col("begun").is_null()).unique()  # fmt: skip
    after = (
        claim_lines.select(*LINE, *EPISODE, "service_date")
        .join(ends, on=EPISODE)
        .filter(nw.col("on") < nw.col("service_date"))
        .group_by(*LINE, *EPISODE, "service_date")
        .agg(discharged_on=nw.col("on").max())
    )
    renewed = (
        after.join(begun, on=EPISODE)
        .filter((nw.col("begun") > nw.col("discharged_on")) & (nw.col("begun") <= nw.col("service_date")))
        .select(*LINE)
        .unique()
    )
    return after.join(renewed, on=LINE, how="anti").select(*LINE, "discharged_on")

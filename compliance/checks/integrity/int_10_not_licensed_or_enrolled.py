"""INT-10: somebody treated or rendered who is excluded, not licensed, or not enrolled with the payer."""

import narwhals as nw

from compliance.checks.integrity.matching import LINE, is_session
from compliance.checks.rule import rule
from compliance.checks.terms import first, flag, is_institutional, judge, kept, yes

CASES = ("excluded", "expired", "not_yet", "not_enrolled")
LICENSED = ("therapist", "assistant")


@rule(
    code="INT-10",
    title="Excluded, not licensed or not enrolled",
    severity="high",
    subject="line",
    unit="claim line",
    cites=["oig-exclusions", "42-cfr-410.60", "ngs-denial-codes"],
    needs=["claim_lines.service_date", "therapists.license_expires_on"],
    absence_of={"enrolments": "patient"},
    parameters=["therapist_enrolment_required"],
    exposes="line",
    message={
        "excluded": "{cpt} of {service_date} was given or billed by {who}, who is excluded from federal health care since "
        "{since}",
        "expired": "{cpt} of {service_date} was given or billed by {who}, whose licence ended on {since}",
        "not_yet": "{cpt} of {service_date} was given or billed by {who}, whose licence begins on {since}",
        "not_enrolled": "{cpt} of {service_date} was billed under {who}, who was not enrolled with this payer on that day",
    },
    fix={
        "excluded": "Remove {who} from the schedule; quantify all claims since {since}; refund, and let counsel decide about "
        "self-disclosure.",
        "expired": "Remove {who} from the schedule until the licence stands; quantify claims since {since}; refund.",
        "not_yet": "Quantify claims of {who} before {since}; refund.",
        "not_enrolled": "Hold claims under {who} until enrolment; ask the payer for its first day; refund what came before.",
    },
)
def not_licensed_or_enrolled(
    claim_lines: nw.LazyFrame,
    interventions: nw.LazyFrame,
    therapists: nw.LazyFrame,
    enrolments: nw.LazyFrame,
    claims: nw.LazyFrame,
) -> nw.LazyFrame:
    """Nobody may treat or bill who is excluded, without a licence on the day, or not enrolled with the payer.

    ## What it checks
    For each claim line the rendering therapist and everybody who gave the code on its note.

    ## Why it matters
    A service by an excluded or unlicensed person is not payable by any federal program, and each claim may be penalised.
    A line under a therapist who is not enrolled is denied (CARC B7).

    ## How we read the rule
    - The finding is of the person at fault, who need not be the one under whom the line was billed.
    - An exclusion counts from its day on, for everybody who treats. An empty day means that there is none.
    - The last day of a licence is a licensed day, and so is the first. Therapists and assistants need one; students and
      aides do not.
    - Enrolment is asked of the rendering therapist of a professional claim, where the payer's policy asks it
      (Medicare, private practice): `enrolled_on`, or a row of `enrolments` for the payer that covers the day.
    - For every other payer, rows of `enrolments` for the therapist and that payer decide where there are any.
    - A line whose note, or whose note's record of who gave the code, is not there cannot be told where nobody known is at
      fault. Remote monitoring has no visit note: there the rendering therapist is asked.
    - A licence without a last day, or a required enrolment without a date, cannot be told; nor can an enrolment where neither
      the claim's form nor the setting is known.

    ## What it does not check
    The state of the licence and its limits; compacts; enrolment of assistants (SUP-07); the exclusion list itself: load
    its result each month.
    """
    lines = kept(_enrolled(claim_lines, enrolments, claims))
    people = kept(_judged_people(lines, interventions, therapists))
    worst = people.group_by(*LINE).agg(
        nw.col("place").min(),
        nw.col("unlicensed").max(),
        nw.col("unenrolled").max(),
        nw.col("unknown").max(),
        nw.col("formless").max(),
        nw.col("gave").max(),
    )
    faulty = people.filter(~nw.col("place").is_null())
    gravest = faulty.group_by(*LINE).agg(gravest=nw.col("place").min())
    at_fault = faulty.join(gravest, on=LINE).filter(nw.col("place") == nw.col("gravest"))
    one = at_fault.group_by(*LINE).agg(person=nw.col("who").min())
    named = (
        at_fault.join(one, left_on=[*LINE, "who"], right_on=[*LINE, "person"])
        .select(*LINE, "since", person="who", who="whose")
        .unique()
    )
    units = lines.join(worst, on=LINE, how="left").join(named, on=LINE, how="left")
    uncoded = interventions.filter(nw.col("cpt").is_null()).select("note_id", uncoded=nw.lit(1)).unique()
    units = units.join(uncoded, on="note_id", how="left")
    found = ~nw.col("place").is_null()
    nobody = ~found & is_session() & ~yes("gave")
    case = first(*((name, nw.col("place") == place) for place, name in enumerate(CASES)))
    return judge(
        units.with_columns(case=nw.when(found).then(case)),
        cannot_tell={
            "claim_lines.therapist_id": ~found & nw.col("unknown").is_null(),
            "therapists.role": ~found & yes("unknown"),
            "therapists.license_expires_on": ~found & yes("unlicensed"),
            "therapists.enrolled_on": ~found & yes("unenrolled"),
            "claims.form": ~found & yes("formless"),
            "claim_lines.cpt": ~found & nw.col("cpt").is_null(),
            "interventions.cpt": nobody & yes("uncoded"),
            "interventions.therapist_id": nobody,
        },
        fails=found,
    ).select(
        "claim_id", "line", "outcome", "missing", "case", "cpt", "who", "since", "therapist_enrolment_required__id",
        fault=nw.col("case"), severity=nw.lit("block_or_repay"), therapist_id="person",
    )  # fmt: skip


def _enrolled(claim_lines: nw.LazyFrame, enrolments: nw.LazyFrame, claims: nw.LazyFrame) -> nw.LazyFrame:
    """Lines with `professional` (1 also where the form is not known: `unformed`), and from `enrolments`: `listed` (1: rows
    for therapist and payer), `covered` (1: one covers)."""
    lines = claim_lines.join(claims.select("claim_id", "form"), on="claim_id", how="left")
    day = nw.col("service_date")
    covers = (nw.col("begins") <= day) & (nw.col("ends").is_null() | (nw.col("ends") >= day))
    rows = (
        lines.select(*LINE, "therapist_id", "payer_id", "service_date")
        .join(
            enrolments.select("therapist_id", "payer_id", begins="from", ends="to"), on=["therapist_id", "payer_id"]
        )
        .with_columns(covered=flag(covers), listed=nw.lit(1))
        .group_by(*LINE)
        .agg(nw.col("covered").max(), nw.col("listed").max())
    )  # fmt: skip
    return lines.join(rows, on=LINE, how="left").select(
        *LINE, "note_id", "cpt", "service_date", "therapist_id", "listed", "covered", "therapist_enrolment_required",
        "therapist_enrolment_required__id", "policy_missing",
        professional=flag(nw.coalesce(is_institutional(), nw.lit(0)) == 0), unformed=flag(is_institutional().is_null()),
    )  # fmt: skip


def _judged_people(
    lines: nw.LazyFrame, interventions: nw.LazyFrame, therapists: nw.LazyFrame
) -> nw.LazyFrame:
    """One row a line and person who rendered or gave it, with the place of its gravest fault in CASES, or null.

    Columns: claim_id, line, whose (name), gave (1: gave it), place, since (the day that the fault counts from), and 1
    where a fact lacks: unlicensed, unenrolled, formless (not enrolled, if the claim is a professional one), unknown (the
    person's role).
    """
    rendering = lines.filter(~nw.col("therapist_id").is_null()).with_columns(
        who=nw.col("therapist_id"), renders=nw.lit(1), gave=nw.lit(0)
    )
    given = interventions.filter(~nw.col("deliverer_id").is_null() & ~nw.col("cpt").is_null())
    gave = lines.join(given.select("note_id", "cpt", who="deliverer_id"), on=["note_id", "cpt"]).with_columns(
        renders=nw.lit(0), gave=nw.lit(1)
    )
    columns = [
        *LINE, "service_date", "who", "renders", "gave", "professional", "unformed", "listed", "covered",
        "therapist_enrolment_required",
    ]  # fmt: skip
    people = nw.concat([rendering.select(columns), gave.select(columns)], how="vertical").join(
        therapists.select(
            "role", "license_from", "license_expires_on", "enrolled_on", "excluded_on",
            who="therapist_id", whose=nw.coalesce(nw.col("name"), nw.col("therapist_id")),
        ),
        on="who",
        how="left",
    )  # fmt: skip
    return _with_faults(people)


def _with_faults(people: nw.LazyFrame) -> nw.LazyFrame:
    day, excluded = nw.col("service_date"), nw.col("excluded_on")
    licensed = nw.coalesce(nw.col("role").is_in(LICENSED), nw.lit(False))
    first_day, last_day, enrolled = (
        nw.col("license_from"),
        nw.col("license_expires_on"),
        nw.col("enrolled_on"),
    )
    renders = (nw.col("renders") == 1) & (nw.col("professional") == 1) & (nw.col("role") == "therapist")
    required = nw.coalesce(nw.col("therapist_enrolment_required"), nw.lit(False))
    by_date = required & ~enrolled.is_null()
    enrolled_by_date = by_date & (enrolled <= day)
    unlisted = renders & (yes("listed") | by_date) & ~yes("covered") & ~enrolled_by_date
    faults = {
        "excluded": ~excluded.is_null() & (excluded <= day),
        "expired": licensed & ~last_day.is_null() & (last_day < day),
        "not_yet": licensed & ~first_day.is_null() & (first_day > day),
        "not_enrolled": unlisted & ~yes("unformed"),
    }
    days = {"excluded": excluded, "expired": last_day, "not_yet": first_day, "not_enrolled": enrolled}
    place, since = nw.lit(None), enrolled
    for number, name in reversed(list(enumerate(CASES))):
        holds = nw.coalesce(faults[name], nw.lit(False))
        place = nw.when(holds).then(nw.lit(number)).otherwise(place)
        since = nw.when(holds).then(days[name]).otherwise(since)
    return people.with_columns(
        place=place,
        since=since,
        unlicensed=flag(licensed & last_day.is_null()),
        formless=flag(unlisted & yes("unformed")),
        unenrolled=flag(renders & required & enrolled.is_null() & ~yes("listed")),
        unknown=flag(nw.col("role").is_null()),
    )

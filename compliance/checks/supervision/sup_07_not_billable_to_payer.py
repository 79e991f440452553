"""SUP-07: speech therapy by an assistant, an aide or under a provisional licence; an assistant who is not enrolled."""

import narwhals as nw

from compliance.checks.rule import rule
from compliance.checks.terms import first, judge, ruled

PROVISIONAL = r"(?i)(?:^|[^a-z])(?:cfy?|clinical fellow|provisional|temporary|limited)(?:[^a-z]|$)"
"""Credentials of a clinical fellow or another provisional speech-language licence."""


@rule(
    code="SUP-07",
    title="Billed for somebody whose service the payer does not pay",
    severity="high",
    subject="line",
    unit="claim line",
    cites=["42-cfr-410.62", "mbpm-15-slp-2025"],
    needs=["therapists.role", "therapists.discipline", "claim_lines.cpt"],
    parameters=["slp_assistant_billable", "provisional_slp_billable"],
    exposes="line",
    message={
        "slp_assistant": "{cpt} of {service_date} was given by {treating_is}, a speech-language assistant or aide, whom this "
        "payer does not pay",
        "provisional": "{cpt} of {service_date} was given by {treating_is}, under a provisional speech-language licence, "
        "which this payer does not pay",
        "questioned": "{cpt} of {service_date} was given by {treating_is}, under a provisional speech-language licence; the "
        "manual then in print allowed it, a later notice says it never was",
        "not_enrolled": "{cpt} of {service_date} names an assistant, {treating_is}, as rendering therapist before their "
        "enrolment on {enrolled_on}",
    },
    fix={
        "slp_assistant": "Void {cpt}: {treating_is} may not perform or bill it.",
        "provisional": "Void {cpt}: {treating_is} may not perform or bill it.",
        "questioned": "Let counsel decide whether earlier services under a provisional licence are to be repaid.",
        "not_enrolled": "Void {cpt}: {treating_is} may not bill it. Bill under the enrolled supervising therapist.",
    },
)
def not_billable_to_payer(
    claim_lines: nw.LazyFrame, interventions: nw.LazyFrame, notes: nw.LazyFrame, therapists: nw.LazyFrame
) -> nw.LazyFrame:
    """Medicare pays speech therapy by a fully licensed therapist only; there is no assistant's rate in speech therapy.

    ## What it checks
    Each claim line by who gave the code (by the note), else by who rendered it (by the claim).

    ## Why it matters
    A line given by somebody whom the payer does not pay is not payable at all.

    ## How we read the rule
    - A speech-language assistant or aide is not billable where the payer says so (Medicare). Where a state's
      Medicaid may pay them, the payer is not judged.
    - A clinical fellow, or a provisional, temporary or limited licence, is not billable to Medicare for service
      from June 9, 2025; an earlier service is worth knowing only.
    - An assistant named as rendering therapist, whose enrolment is recorded and began later, is not enrolled.
    - Physical and occupational therapy assistants are billable under their therapist (SUP-01, AST).
    - Role and licence are those of who gave the code, an assistant or aide before a therapist; else of who wrote the note,
      else of who is on the line. A licence that is not recorded is nobody else's.

    ## What it does not check
    Enrolment and licences of therapists (INT-10).
    """
    people = therapists.select(
        delivering="therapist_id", given_role="role", given_credential="credential", given_discipline="discipline",
    )  # fmt: skip
    authors = notes.select("note_id", "author_role", "author_credential", "author_discipline")
    enrolled = therapists.select("therapist_id", "enrolled_on")
    units = (
        claim_lines.join(_deliverers(interventions), on=["note_id", "cpt"], how="left")
        .join(people, on="delivering", how="left")
        .join(authors, on="note_id", how="left")
        .join(enrolled, on="therapist_id", how="left")
        .with_columns(
            treating_role=nw.coalesce(nw.col("given_role"), nw.col("author_role"), nw.col("rendering_role")),
            credential=_of_whose_role_is_known(
                ("given_role", "given_credential"),
                ("author_role", "author_credential"),
                ("rendering_role", "rendering_credential"),
            ),
            treating_discipline=nw.coalesce(
                nw.col("given_discipline"), nw.col("author_discipline"), nw.col("rendering_discipline")
            ),
        )
        .with_columns(treating_is=nw.coalesce(nw.col("credential"), nw.col("treating_role")))
    )
    speech = nw.coalesce(nw.col("discipline"), nw.col("treating_discipline")) == "SLP"
    helper = nw.col("treating_role").is_in(["assistant", "aide"])
    fellow = (
        speech & (nw.col("treating_role") == "therapist") & nw.col("credential").str.contains(PROVISIONAL)
    )
    judged_slp = ~nw.col("slp_assistant_billable").is_null()
    case = first(
        ("slp_assistant", speech & helper & ~nw.col("slp_assistant_billable")),
        ("provisional", fellow & (nw.col("provisional_slp_billable") == "not_billable")),
        ("questioned", fellow & (nw.col("provisional_slp_billable") == "questioned")),
        ("not_enrolled", judged_slp & (nw.col("rendering_role") == "assistant")
         & (nw.col("enrolled_on") > nw.col("service_date"))),
    )  # fmt: skip
    # who is not enrolled is the person on the line, whoever gave the code
    rendering_is = nw.coalesce(nw.col("rendering_credential"), nw.col("rendering_role"))
    named = nw.when(case == "not_enrolled").then(rendering_is).otherwise(nw.col("treating_is"))
    units = units.with_columns(case=case, treating_is=named)
    return judge(
        units,
        applies=ruled("slp_assistant_billable", "provisional_slp_billable"),
        cannot_tell={"therapists.role": nw.col("treating_role").is_null()},
        fails=~nw.col("case").is_null(),
    ).select(
        "claim_id", "line", "outcome", "missing", "case", "cpt", "service_date", "treating_role", "treating_is", "enrolled_on",
        "slp_assistant_billable__id", "provisional_slp_billable__id", fault=nw.col("case"),
        severity=nw.when(nw.col("case") == "questioned").then(nw.lit("info")).otherwise(nw.lit("high")),
    )  # fmt: skip


def _deliverers(interventions: nw.LazyFrame) -> nw.LazyFrame:
    """Who delivered each code of a note: a helper before a therapist."""
    helper = nw.coalesce(nw.col("deliverer_role").is_in(["assistant", "aide"]), nw.lit(False))
    ranked = interventions.filter(nw.col("attended") & ~nw.col("deliverer_id").is_null()).with_columns(
        rank=nw.concat_str([nw.when(helper).then(nw.lit("0")).otherwise(nw.lit("1")), nw.col("deliverer_id")])
    )
    first_of = ranked.group_by("note_id", "cpt").agg(nw.col("rank").min())
    return first_of.select("note_id", "cpt", delivering=nw.col("rank").str.slice(1))


def _of_whose_role_is_known(*people: tuple[str, str]) -> nw.Expr:
    """The credential of the first person whose role is known, null where it is not known of that one: nobody else's is taken."""
    told = nw.lit(None, dtype=nw.String)
    for role, credential in reversed(people):
        told = nw.when(~nw.col(role).is_null()).then(nw.col(credential)).otherwise(told)
    return told

"""INT-09: the claim names another therapist than the one who treated."""

import narwhals as nw

from compliance.checks.integrity.matching import LINE, is_session
from compliance.checks.rule import rule
from compliance.checks.terms import codes, first, flag, is_institutional, judge, yes

HELPERS = ("assistant", "student", "aide")
UNQUALIFIED = ("aide", "student")
"""Who has no services of their own to bill, whoever pays."""


@rule(
    code="INT-09",
    title="Billed under another therapist",
    severity="medium",
    subject="line",
    unit="claim line with a note",
    cites=["42-cfr-410.60", "house-default"],
    needs=["claim_lines.therapist_id", "notes.therapist_id", "therapists.role"],
    absence_of={"interventions": "day"},
    parameters=["assistant_may_render"],
    exposes="line",
    message={
        "other_therapist": "{cpt} of {service_date} was billed under {rendering}, but {treating} treated and wrote the note",
        "other_supervisor": "{cpt} of {service_date} was given by {treating} under {supervisor}, but billed under {rendering}",
        "assistant": "{cpt} of {service_date} was billed under {rendering}, an assistant; an assistant's service is billed "
        "under the supervising therapist",
        "aide": "{cpt} of {service_date} was billed under {rendering}, an aide; no service is billed under an aide",
        "student": "{cpt} of {service_date} was billed under {rendering}, a student; no service is billed under a student",
    },
    fix={
        "other_therapist": "The rendering therapist should be {treating}: send a corrected claim.",
        "other_supervisor": "The rendering therapist should be {supervisor}: send a corrected claim.",
        "assistant": "Name the supervising therapist ({supervisor}) as rendering: send a corrected claim.",
        **dict.fromkeys(
            UNQUALIFIED,
            "Name the therapist who gave the service, or supervised the assistant who did, as rendering: send a corrected "
            "claim. What an aide or a student gave alone is not billed.",
        ),
    },
)
def rendered_by_another(
    claim_lines: nw.LazyFrame,
    notes: nw.LazyFrame,
    interventions: nw.LazyFrame,
    therapists: nw.LazyFrame,
    claims: nw.LazyFrame,
) -> nw.LazyFrame:
    """The claim says who rendered a service; the note says who gave it.

    ## What it checks
    Each line of a professional claim that has a note: the rendering therapist against those who gave the code.

    ## Why it matters
    Payment goes to an enrolled person for what that person did or supervised. A line under another name is not payable as
    billed, even where both were on site.

    ## How we read the rule
    - Right is any therapist who gave the code on that note, or who wrote the note. People of one NPI are one person.
    - What only an assistant or a student gave is billed under the supervising therapist: the one whom the note names,
      or who co-signed it. Where the note names nobody, any therapist of the discipline passes (SUP-01).
    - An assistant as rendering therapist is a fault where the payer says that assistants do not render (Medicare,
      TRICARE); other payers are not judged on it. An assistant's evaluation is SUP-06.
    - An aide or a student as rendering therapist is a fault with every payer, whoever gave the service.
    - Institutional claims carry no rendering therapist and are not judged. The form is the claim's, else the setting's.
    - Lines without a note are INT-04's. Who gave the service of a line without a code cannot be told, unless its
      therapist wrote the note.

    ## What it does not check
    Whether the rendering therapist is licensed and enrolled (INT-10), and of the right discipline (MOD-02).
    """
    lines = _people(claim_lines, notes, interventions, therapists).join(
        claims.select("claim_id", "form"), on="claim_id", how="left"
    )
    lines = lines.with_columns(institutional=is_institutional())
    therapist = nw.col("rendering_role") == "therapist"
    helped = yes("by_helper") & ~yes("by_therapist")
    supervised = ~nw.col("supervisor").is_null()
    evaluation = nw.coalesce(
        nw.col("cpt").is_in([*codes("evaluation"), *codes("reevaluation")]), nw.lit(False)
    )
    assistant = (nw.col("rendering_role") == "assistant") & ~evaluation
    barred = ~nw.coalesce(nw.col("assistant_may_render"), nw.lit(True))
    unqualified = nw.col("rendering_role").is_in(UNQUALIFIED)
    wrong = therapist | unqualified | (barred & (nw.col("rendering_role") == "assistant"))
    case = first(
        ("other_therapist", yes("by_therapist") & wrong & ~yes("matches")),
        ("assistant", barred & assistant),
        ("aide", nw.col("rendering_role") == "aide"),
        ("student", nw.col("rendering_role") == "student"),
        ("other_supervisor", helped & therapist & supervised & ~yes("matches") & ~yes("oversees")),
    )
    lines = lines.with_columns(case=case)
    unread = nw.coalesce((nw.col("rendering_role") == "assistant") | unqualified, nw.lit(False))
    return judge(
        lines,
        applies=is_session() & ~nw.col("note_id").is_null() & ~yes("institutional"),
        cannot_tell={
            "claims.form": nw.col("institutional").is_null(),
            "claim_lines.therapist_id": nw.col("therapist_id").is_null(),
            "claim_lines.cpt": nw.col("cpt").is_null() & (~nw.col("case").is_null() | ~yes("matches")),
            "notes.therapist_id": nw.col("treating").is_null() & ~unread,
            "therapists.role": nw.col("rendering_role").is_null()
            | (~yes("matches") & ~yes("by_therapist") & ~yes("by_helper") & ~unread),
        },
        fails=~nw.col("case").is_null(),
    ).select(
        "claim_id",
        "line",
        "outcome",
        "missing",
        "case",
        "cpt",
        "rendering",
        "treating",
        "supervisor",
        fault=nw.col("case"),
    )


def _people(
    claim_lines: nw.LazyFrame, notes: nw.LazyFrame, interventions: nw.LazyFrame, therapists: nw.LazyFrame
) -> nw.LazyFrame:
    """Lines with a note and who is who.

    Added: rendering, treating, supervisor (names); by_therapist, by_helper (1: who gave the code, or wrote the note);
    matches (1: the rendering therapist is one of them); oversees (1: is the supervisor or co-signer).
    """
    person = therapists.select(who="therapist_id", whose=_named(), npi="npi", role="role")
    lines = (
        claim_lines.join(
            therapists.select("therapist_id", rendering=_named(), rendering_npi="npi"), on="therapist_id", how="left"
        )
        .join(notes.select("note_id", "supervisor_id", "cosigned_by", author_id="therapist_id"), on="note_id", how="left")
        .join(therapists.select(supervisor_id="therapist_id", supervisor=_named()), on="supervisor_id", how="left")
    )  # fmt: skip
    key = lines.select(*LINE, "note_id", "cpt", "author_id", "therapist_id", "rendering_npi")
    given = interventions.filter(~nw.col("deliverer_id").is_null() & ~nw.col("cpt").is_null())
    delivered = key.join(given.select("note_id", "cpt", who="deliverer_id").unique(), on=["note_id", "cpt"])
    wrote = key.filter(~nw.col("author_id").is_null()).with_columns(who=nw.col("author_id"))
    columns = [*LINE, "therapist_id", "rendering_npi", "who"]
    matches = (
        nw.concat([delivered.select(columns), wrote.select(columns)], how="vertical")
        .join(person, on="who", how="left")
        .with_columns(matches=_same_person())
        .group_by(*LINE)
        .agg(matches=nw.col("matches").max())
    )
    gave = nw.concat(
        [
            delivered.select(*LINE, "who"),
            wrote.join(delivered.select(*LINE).unique(), on=LINE, how="anti").select(*LINE, "who"),
        ],
        how="vertical",
    ).join(person, on="who", how="left")
    told = (
        gave.with_columns(
            by_therapist=flag(nw.col("role") == "therapist"),
            by_helper=flag(nw.col("role").is_in(HELPERS)),
            treating=nw.coalesce(nw.col("whose"), nw.col("who")),
        )
        .group_by(*LINE)
        .agg(nw.col("by_therapist").max(), nw.col("by_helper").max(), nw.col("treating").min())
    )
    oversees = (nw.col("therapist_id") == nw.col("supervisor_id")) | (
        nw.col("therapist_id") == nw.col("cosigned_by")
    )
    return (
        lines.join(told, on=LINE, how="left")
        .join(matches, on=LINE, how="left")
        .with_columns(oversees=flag(oversees))
    )


def _same_person() -> nw.Expr:
    """1 where `who` is the rendering therapist, by id or by NPI."""
    return flag(
        (nw.col("who") == nw.col("therapist_id"))
        | nw.coalesce(nw.col("npi") == nw.col("rendering_npi"), nw.lit(False))
    )


def _named() -> nw.Expr:
    return nw.coalesce(nw.col("name"), nw.col("therapist_id"))

"""SUP-02: a note by an assistant or a student lacks the therapist's co-signature that the payer requires."""

from datetime import datetime

import narwhals as nw

from compliance.checks.rule import rule
from compliance.checks.terms import first, judge, whole_days


@rule(
    code="SUP-02",
    title="Co-signature missing or late",
    severity="low",
    subject="note",
    unit="note by an assistant or a student",
    cites=["medicaid-cautious-default", "house-default"],
    needs=["notes.therapist_id", "notes.cosigned_by", "therapists.role"],
    parameters=["cosign_required", "cosign_days", "cosign_severity"],
    exposes="note",
    message={
        "missing": "The note of {service_date} by {author} ({author_is}) bears no therapist's co-signature "
        "({cosign_days} days allowed)",
        "late": "The note of {service_date} by {author} ({author_is}) was co-signed on {cosigned_on}, {days} days later "
        "({cosign_days} allowed)",
        "open": "The note of {service_date} by {author} ({author_is}) still wants its co-signature; {cosign_days} days "
        "are allowed and {days} have passed",
    },
    fix={
        "missing": "{supervisor} to co-sign the note of {service_date}; required within {cosign_days} days by the payer.",
        "late": "Keep the date as it is; co-sign within {cosign_days} days from now on.",
        "open": "{supervisor} to co-sign the note of {service_date} within {cosign_days} days of it.",
    },
)
def cosignature_missing(notes: nw.LazyFrame, therapists: nw.LazyFrame, as_of: datetime) -> nw.LazyFrame:
    """Some payers and states want a therapist's signature under every note of an assistant or a student.

    ## What it checks
    Each note of an attended visit that an assistant or a student wrote, where the payer requires a co-signature,
    must be co-signed by a therapist within the days that the payer allows.

    ## Why it matters
    Many Medicaid programs and states make it a requirement; where it is a condition of payment, the visit is not
    payable without it.

    ## How we read the rule
    - The day of service is day 0; the last timely day is the service date plus the days allowed.
    - Only the co-signature of a therapist of the discipline counts; the author's own, or an assistant's, is none.
    - Until the deadline has passed a missing co-signature is a reminder.
    - Where the payer names no number of days, a co-signature is required and never late.
    - It is a weakness of documentation, unless the payer's policy makes it a condition of payment.
    - Medicare has no such rule, nor has a payer of which none was read: not judged.

    ## What it does not check
    The author's own signature (INT-03); who writes progress reports (PR-02).
    """
    signers = therapists.select(
        cosigned_by="therapist_id", signer_role="role", signer_discipline="discipline"
    )
    names = therapists.select(supervisor_id="therapist_id", supervisor="name")
    trained, treated = nw.col("signer_discipline"), nw.col("discipline")
    of_discipline = trained.is_null() | treated.is_null() | (trained == treated)
    signed = ~nw.col("cosigned_by").is_null() & (nw.col("signer_role") == "therapist") & of_discipline
    undated = signed & nw.col("cosigned_on").is_null() & ~nw.col("cosign_days").is_null()
    elapsed = nw.coalesce(nw.col("cosigned_on"), nw.lit(as_of).cast(nw.Datetime("us"))) - nw.col(
        "service_date"
    )
    units = (
        notes.filter(
            nw.col("attended")
            & ~nw.coalesce(nw.col("author_role").is_in(["therapist", "aide"]), nw.lit(False))
        )
        .join(signers, on="cosigned_by", how="left")
        .join(names, on="supervisor_id", how="left")
        .with_columns(
            signed=nw.coalesce(signed, nw.lit(False)),
            author_is=nw.coalesce(nw.col("author_credential"), nw.col("author_role")),
        )
    )
    # A co-signature of somebody who may not give one leaves the note unsigned as of today.
    elapsed = (
        nw.when(nw.col("signed"))
        .then(elapsed)
        .otherwise(nw.lit(as_of).cast(nw.Datetime("us")) - nw.col("service_date"))
    )
    units = units.with_columns(days=whole_days(elapsed))
    overdue = nw.col("days") > nw.col("cosign_days")
    case = first(
        ("late", nw.col("signed") & overdue),
        ("open", ~nw.col("signed") & ~nw.coalesce(overdue, nw.lit(True))),
        ("missing", ~nw.col("signed")),
    )
    units = units.with_columns(case=case)
    condition = nw.when(nw.col("cosign_severity") == "block").then(nw.lit("high")).otherwise(nw.lit("low"))
    return judge(
        units,
        applies=nw.coalesce(nw.col("cosign_required"), nw.lit(False)) | ~nw.col("policy_missing").is_null(),
        cannot_tell={
            "therapists.role": nw.col("author_role").is_null()
            | (~nw.col("cosigned_by").is_null() & nw.col("signer_role").is_null()),
            "notes.cosigned_on": undated,
            "notes.cosigned_by": nw.col("cosigned_by").is_null() & ~nw.col("cosigned_on").is_null(),
        },
        fails=~nw.col("case").is_null(),
    ).select(
        "note_id", "outcome", "missing", "case", "author", "author_is", "supervisor", "cosigned_by", "cosigned_on", "days",
        "cosign_days", "cosign_required__id", "cosign_days__id", "cosign_severity__id", fault=nw.col("case"),
        severity=nw.when(nw.col("case") == "open").then(nw.lit("info")).otherwise(condition),
    )  # fmt: skip

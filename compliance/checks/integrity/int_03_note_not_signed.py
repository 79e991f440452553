"""INT-03: a visit's note is not signed, was signed late, or was written at the wrong time."""

from datetime import datetime

import narwhals as nw

from compliance.checks.integrity.billing import billed_on
from compliance.checks.rule import rule
from compliance.checks.terms import first, judge, ruled, whole_days, yes

SEVERITY = {"unsigned": "high", "billed_unsigned": "high", "very_late": "medium", "open": "info"}
LATE = ("late", "very_late")
FAULTS = ("unsigned", "billed_unsigned", "very_late", "early", "after_claim", "late", "open")


@rule(
    code="INT-03",
    title="Note not signed, or signed late",
    severity="low",
    subject="note",
    unit="visit note",
    cites=["house-default", "pim-3-signatures", "mbpm-15-220.3-notes"],
    needs=["notes.signed_on", "notes.service_date", "notes.kind"],
    parameters=["note_sign_days", "note_sign_repay_days", "signature_credential_required"],
    exposes="note",
    message={
        "unsigned": "The note of {service_date} by {author} bears no signature {days} days later ({note_sign_days} allowed)",
        "billed_unsigned": "The visit of {service_date} was billed on {claimed_on}, but the note by {author} bears no "
        "signature",
        "very_late": "The note of {service_date} was signed on {signed_on}, {days} days later ({note_sign_days} allowed; "
        "after {note_sign_repay_days} a repayment risk)",
        "late": "The note of {service_date} was signed on {signed_on}, {days} days later ({note_sign_days} allowed)",
        "early": "The note of {service_date} was finished at {finished_at}, before the service had ended",
        "after_claim": "The note of {service_date} was finished on {finished_at}, after the claim of {claimed_on}",
        "open": "The note of {service_date} by {author} still wants its signature; {note_sign_days} days are allowed and "
        "{days} have passed",
    },
    fix={
        **dict.fromkeys(
            ("unsigned", "billed_unsigned"),
            "Sign the note of {service_date}, dated today, or attest it; do not bill the visit until it is signed.",
        ),
        "open": "Sign the note of {service_date}; do not bill the visit until it is signed.",
        **dict.fromkeys(LATE, "Keep the date as it is; sign notes within {note_sign_days} days from now on."),
        "early": "Finish notes after the service; an addendum dated today says what was added.",
        "after_claim": "Bill from finished notes only; check that the claim agrees with the note as it stands.",
    },
)
def note_not_signed(
    notes: nw.LazyFrame,
    claim_lines: nw.LazyFrame,
    claims: nw.LazyFrame,
    therapists: nw.LazyFrame,
    as_of: datetime,
    absent_columns: frozenset[str],
) -> nw.LazyFrame:
    """A note counts from the day on which its author signs it.

    ## What it checks
    Each visit's note for its author's signature: whether it is there, how late it came, and whether the text was
    finished after the service and before the claim.

    ## Why it matters
    Medicare reviews treat an unsigned note as none. A signature weeks later, or a text that is finished after the claim,
    makes a reviewer doubt that the note tells of the visit.

    ## How we read the rule
    - The day of service is day 0; the last timely day is the service date plus the days allowed.
    - An empty signature is a missing one: the visit must not be billed. Until the days allowed have passed it is a
      reminder, unless the visit was billed already.
    - A later attestation of the author stands for a missing signature. So does a therapist's co-signature.
    - A late signature is a weakness. Past the second number of days it is a repayment risk: the lines are named, and
      a person decides about the dollars.
    - A text that was finished before the session ended, or before the day of service, is a weakness. So is one
      finished on a day after the claim was sent. Where the record does not say when it was finished, the signature
      says it. A dictated note counts from its dictation.
    - The signature needs its writer's credential where the payer says so (Medicare). It is that of the list of
      therapists; a person without one cannot be told, unless the export has no credentials at all.
    - One fault a note: the gravest.

    ## What it does not check
    Signatures of reports without treatment (PR-01, PR-04), of plans (POC-01), and co-signatures that a payer requires
    (SUP-02); handwriting, and whether a signature is authentic.
    """
    signers = therapists.filter(nw.col("role") == "therapist").select(
        cosigned_by="therapist_id", countersigned=nw.lit(1)
    )
    units = (
        notes.filter(nw.col("is_visit"))
        .join(billed_on(claim_lines, claims), on="note_id", how="left")
        .join(signers, on="cosigned_by", how="left")
    )
    units = _when(units, as_of).with_columns(case=_fault())
    severity = nw.lit("low")
    for fault, grade in SEVERITY.items():
        severity = nw.when(nw.col("case") == fault).then(nw.lit(grade)).otherwise(severity)
    wanted = nw.coalesce(nw.col("signature_credential_required"), nw.lit(False))
    bare = wanted & nw.col("author_credential").is_null()
    exported = nw.lit("therapists.credential" not in absent_columns)
    return judge(
        units,
        applies=ruled("note_sign_days"),
        cannot_tell={
            "notes.cosigned_on": yes("countersigned") & nw.col("signature_on").is_null(),
            "therapists.credential": nw.col("case").is_null() & bare & exported,
        },
        fails=~nw.col("case").is_null(),
    ).select(
        "note_id", "outcome", "missing", "case", "author", "days", "finished_at", "claimed_on", "note_sign_days",
        "note_sign_repay_days", "note_sign_days__id", "note_sign_repay_days__id", severity=severity, fault=nw.col("case"),
        signed_on=nw.col("signature_on"),
        exposed_share=nw.when(nw.col("case") == "very_late").then(nw.lit(0.0)).otherwise(nw.lit(1.0)),
    )  # fmt: skip


def _when(units: nw.LazyFrame, as_of: datetime) -> nw.LazyFrame:
    """Add `signature_on`, `days` from service to signature (or to today), and `finished_at` of the text."""
    countersigned = nw.when(yes("countersigned")).then(nw.col("cosigned_on"))
    signature = nw.coalesce(nw.col("signed_on"), nw.col("attested_on"), countersigned)
    today = nw.lit(as_of).cast(nw.Datetime("us"))
    until = nw.when(nw.col("signature_on").is_null()).then(today).otherwise(nw.col("signed_on"))
    return units.with_columns(
        signature_on=signature, finished_at=nw.coalesce(nw.col("written_at"), nw.col("signed_on"))
    ).with_columns(days=whole_days(until - nw.col("service_date")))


def _fault() -> nw.Expr:
    """The gravest fault of a note, null where it has none. `days` is null where another act stands for the signature."""
    unsigned = nw.col("signature_on").is_null()
    finished, ended, claimed = nw.col("finished_at"), nw.col("ended_at"), nw.col("claimed_on")
    over = ~nw.col("days").is_null() & (nw.col("days") > nw.col("note_sign_days"))
    far_over = (
        over & ~nw.col("note_sign_repay_days").is_null() & (nw.col("days") > nw.col("note_sign_repay_days"))
    )
    written = nw.col("written_at")
    early = (~written.is_null() & ~ended.is_null() & (written < ended)) | (
        ~finished.is_null() & (finished < nw.col("service_date"))
    )
    after = ~finished.is_null() & ~claimed.is_null() & (finished.dt.truncate("1d") > claimed)
    faults = {
        "unsigned": unsigned & over,
        "billed_unsigned": unsigned & yes("billed"),
        "very_late": ~unsigned & far_over,
        "early": early,
        "after_claim": after,
        "late": ~unsigned & over,
        "open": unsigned,
    }
    return first(*((name, faults[name]) for name in FAULTS))

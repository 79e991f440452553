"""INT-08: a service was billed twice."""

from collections.abc import Iterable
from datetime import datetime

import narwhals as nw

from compliance.checks.rule import rule
from compliance.checks.terms import ASSISTANT_MODIFIERS, codes, first, flag, has_code, judge, kept, yes

LINE = ["claim_id", "line"]
DAY = ["patient_id", "payer_id", "order", "service_date", "discipline", "cpt"]
UNSENT = datetime(9999, 12, 31)

INCOMPLETE = ("payer_id", "service_date", "cpt")
"""What a line may lack and be the same service for all that."""
WITHOUT = tuple(f"without_{name}" for name in INCOMPLETE)


@rule(
    code="INT-08",
    title="Billed twice",
    severity="high",
    subject="line",
    unit="claim line",
    cites=["ngs-denial-codes", "ncci-modifiers"],
    needs=["claims.patient_id", "claim_lines.service_date", "claim_lines.cpt", "claim_lines.modifiers"],
    adds_up={"claim_lines": "day"},
    exposes="line",
    message={
        "duplicate": "{cpt} x{units} of {service_date} was already billed on claim {first_claim}, line {first_line}, with the "
        "same modifiers and therapist",
        "twice": "{cpt} of {service_date} stands twice (claim {first_claim}, line {first_line}), and neither line says that it "
        "was a separate session",
    },
    fix={
        "duplicate": "Duplicate of claim {first_claim}: void it, or send it as a replacement (frequency code 7) of that claim.",
        "twice": "Put the units on one line. For a true second session add 59, XE or XP (76 or 77 for a repeat) and "
        "document the times of both.",
    },
)
def billed_twice(claim_lines: nw.LazyFrame, claims: nw.LazyFrame) -> nw.LazyFrame:
    """One service stands on two lines, and the payer would pay it twice.

    ## What it checks
    All lines of claims that stand, against the other lines of their patient, payer and day.

    ## Why it matters
    Payers deny the second line as an exact duplicate (CARC 18). One that was paid is an overpayment.

    ## How we read the rule
    - Lines of two claims with the same patient, payer, day, code, units, modifiers, discipline and rendering therapist
      are duplicates, whatever their modifiers say: a claim that is sent again needs frequency code 7.
    - A code that stands twice for a patient, payer, day and discipline, on one claim or two, needs a modifier for the
      separate session on all but one of its lines: 59, XE, XP, XS, XU, 76 or 77.
    - Lines of one claim that differ in CQ, CO, KX, GA, GX, GY or GZ are parts of one service that are paid differently;
      they are not the same line twice. On two claims only CQ and CO tell parts apart: a claim that is sent again with KX is
      the service again.
    - The later line is at fault: by the day of submission, then by claim and line.
    - A claim that was voided, or that a replacement names, is no longer there. A replacement that names no claim
      cannot be told.
    - A line that lacks its payer, day or code may by all else be the same service as another of the patient: of the two,
      what repeats no other line cannot be told.
    - The second payer's claim is no duplicate of the first's, nor is another discipline's line.

    ## What it does not check
    Whether 59 or X is justified (NCCI-03, NCCI-04), and whether two payers were billed as if each stood first.
    """
    sent = claims.select(
        "claim_id", "submitted_on", "frequency_code", "original_claim_id", order=nw.coalesce(nw.col("payer_order"), nw.lit(1))
    )  # fmt: skip
    lines = claim_lines.join(sent, on="claim_id", how="left")
    lines = lines.join(_repeated(lines), on=LINE, how="left").join(
        _perhaps_repeated(lines), on=LINE, how="left"
    )
    replaces = (nw.col("frequency_code") == "7") & nw.col("original_claim_id").is_null()
    duplicate = ~nw.col("same_claim").is_null() & (nw.col("same_claim") != nw.col("claim_id"))
    twice = (nw.col("separate") == 0) & ~nw.col("first_claim").is_null()
    lines = lines.with_columns(case=first(("duplicate", duplicate), ("twice", twice)))
    exact = nw.col("case") == "duplicate"
    found = ~nw.col("case").is_null()
    return judge(
        lines,
        cannot_tell={
            "claims.patient_id": nw.col("patient_id").is_null(),
            "claim_lines.service_date": nw.col("service_date").is_null()
            | (yes("without_service_date") & ~found & ~nw.col("cpt").is_null()),
            "claim_lines.cpt": nw.col("cpt").is_null() | (~found & yes("without_cpt")),
            "claims.payer_id": ~found & yes("without_payer_id"),
            "claims.original_claim_id": found & replaces,
        },
        fails=found,
    ).select(
        "claim_id", "line", "outcome", "missing", "case", "cpt", "units", "modifiers", fault=nw.col("case"),
        first_claim=nw.when(exact).then(nw.col("same_claim")).otherwise(nw.col("first_claim")),
        first_line=nw.when(exact).then(nw.col("same_line")).otherwise(nw.col("first_line")),
    )  # fmt: skip


def _repeated(lines: nw.LazyFrame) -> nw.LazyFrame:
    """Of lines whose code stands more than once on their day, the line that each repeats, by LINE: `same_claim` and
    `same_line`, alike in all; `first_claim` and `first_line`, of the same code."""
    lines = lines.select(*LINE, "submitted_on", "units", "therapist_id", "modifiers", day=_key(DAY))
    lines = lines.with_columns(times=nw.len().over("day")).filter(nw.col("times") > 1)
    when = nw.coalesce(nw.col("submitted_on"), nw.lit(UNSENT).cast(nw.Datetime("us")))
    lines = _with_marks(lines).with_columns(
        when=when,
        same_key=_key(["day", "units", "therapist_id", "marks", "length"]),
        again_key=_key(["day", "parts", "separate"]),
        resent_key=_key(["day", "units", "therapist_id", "assisted", "separate"]),
    )
    for name in ("same", "again", "resent"):
        lines = _earlier(lines, name)
    told = [f"{name}_{key}" for name in ("same", "first") for key in ("claim", "line")]
    return _with_the_first(lines).select(*LINE, "separate", *told)


def _perhaps_repeated(lines: nw.LazyFrame) -> nw.LazyFrame:
    """The lines that may repeat another where one of the two lacks payer, day or code, by LINE: as 0 or 1 what that one lacks.

    They meet by what that one does have: an export may lack every payer, and a patient's lines are many.
    """
    facts = [*INCOMPLETE, "order", "discipline"]
    lacks = {name: nw.col(name).is_null() for name in INCOMPLETE}
    lacking = nw.any_horizontal(*lacks.values(), ignore_nulls=True)
    several = flag(lacks["payer_id"]) + flag(lacks["service_date"]) + flag(lacks["cpt"]) > 1
    others = kept(lines.filter(lacking & ~nw.col("patient_id").is_null()).with_columns(several=several))
    met = [_met(lines, others.filter(nw.col("several")), ["patient_id"], facts)]
    for name, lacked in lacks.items():
        known = ["patient_id", *(each for each in INCOMPLETE if each != name)]
        met.append(_met(lines, others.filter(lacked & ~nw.col("several")), known, facts))
    return nw.concat(met, how="vertical").group_by(*LINE).agg(nw.col(*WITHOUT).max())


def _met(lines: nw.LazyFrame, others: nw.LazyFrame, known: list[str], facts: list[str]) -> nw.LazyFrame:
    """Both lines of each pair that are equal in what is `known`, and may be in all other facts: LINE and WITHOUT."""
    open_facts = [name for name in facts if name not in known]
    other = others.select(*known, **{f"other_{name}": nw.col(name) for name in (*LINE, *open_facts)})
    met = lines.select(*LINE, *known, *open_facts).join(other, on=known)
    another = (nw.col("claim_id") != nw.col("other_claim_id")) | (nw.col("line") != nw.col("other_line"))
    met = met.filter(another, *(_may_equal(name) for name in open_facts))
    told = {
        without: flag(nw.col(f"other_{name}").is_null()) if name in open_facts else nw.lit(0, dtype=nw.Int64)
        for name, without in zip(INCOMPLETE, WITHOUT, strict=True)
    }
    met = met.select(*LINE, "other_claim_id", "other_line", **told)
    others = met.select(
        claim_id="other_claim_id", line="other_line", **{name: nw.col(name) for name in WITHOUT}
    )
    return nw.concat([met.select(*LINE, *WITHOUT), others], how="vertical")


def _may_equal(name: str) -> nw.Expr:
    mine, other = nw.col(name), nw.col(f"other_{name}")
    return mine.is_null() | other.is_null() | (mine == other)


def _with_marks(lines: nw.LazyFrame) -> nw.LazyFrame:
    """Add what the modifiers say, worked out once for each of their few texts."""
    said = nw.coalesce(nw.col("modifiers"), nw.lit(""))
    texts = (
        lines.select(modifiers=said)
        .unique()
        .with_columns(
            marks=_marks(codes("modifiers_known")),
            parts=_marks(codes("payment_modifiers")),
            assisted=_marks(ASSISTANT_MODIFIERS),
            length=nw.col("modifiers").str.len_chars(),
            separate=flag(has_code("modifiers", codes("separate_session"))),
        )
    )
    return lines.with_columns(modifiers=said).join(texts, on="modifiers", how="left")


def _with_the_first(lines: nw.LazyFrame) -> nw.LazyFrame:
    """Add `first_claim` and `first_line`: the line that this one repeats, on the same claim or on another."""
    again = ~nw.col("again_claim").is_null()
    resent = nw.col("resent_claim") != nw.col("claim_id")
    return lines.with_columns(
        nw.when(again)
        .then(nw.col(f"again_{name}"))
        .otherwise(nw.when(resent).then(nw.col(f"resent_{name}")))
        .alias(f"first_{name}")
        for name in ("claim", "line")
    )


def _marks(modifiers: Iterable[str]) -> nw.Expr:
    """Which modifiers of a set a line bears, as one text: their order on the claim does not matter."""
    return nw.concat_str(
        *(
            nw.when(has_code("modifiers", code)).then(nw.lit(f"{code} ")).otherwise(nw.lit(""))
            for code in modifiers
        )
    )


def _key(columns: list[str]) -> nw.Expr:
    """The values of some columns as one text, an unknown one as nothing."""
    return nw.concat_str(
        *(nw.coalesce(nw.col(name).cast(nw.String), nw.lit("")) for name in columns), separator="|"
    )


def _earlier(lines: nw.LazyFrame, name: str) -> nw.LazyFrame:
    """Add the claim and line before this one among those of one key, in order of submission; null for the first."""
    key, order = f"{name}_key", ["when", "claim_id", "line"]
    return lines.with_columns(
        nw.col("claim_id").shift(1).over(key, order_by=order).alias(f"{name}_claim"),
        nw.col("line").shift(1).over(key, order_by=order).alias(f"{name}_line"),
    )

"""PAY-COV: a code that the payer does not cover, or of which nobody knows whether it does."""

import narwhals as nw

from compliance.checks.payment.coverage import UNKNOWN, with_authorization, with_coverage, with_partner
from compliance.checks.rule import rule
from compliance.checks.terms import FAIL, first, has_code, judge, ruled

PARAMETERS = ["coverage", "bundled_with", "abn_modifiers", "conversion_factor"]
CODE = ["payer_id", "cpt"]
FACTS = ["claim_id", "line", *CODE, "service_date", "outcome", "missing", "case", "severity", "subject", "covers", "partner",
         "modifiers", "abn_on", "lines_billed", "first_on", "exposed_share", "coverage__id"]  # fmt: skip
KEEP, SAY = (
    "Confirm the benefit; get an authorization or a notice before the service; or set",
    "in the payer's policy",
)


@rule(
    code="PAY-COV",
    title="Code not covered, or coverage unknown",
    severity="info",
    subject="line",
    key=[*CODE, "claim_id", "line"],
    unit="claim line, and once a payer and code whose coverage is unknown",
    cites=["pfs-rvu-2024", "abn-modifiers"],
    needs=["claim_lines.cpt", "claim_lines.modifiers"],
    parameters=PARAMETERS,
    exposes="line",
    scope="payer",
    message={
        "unknown": "Nobody has read whether this payer covers {cpt}, billed on {lines_billed} lines",
        "not_covered": "{cpt} of {service_date} is not covered by this payer, and no modifier says so",
        "bundled": "{cpt} of {service_date} is never paid apart by this payer",
        "bundled_with": "{cpt} of {service_date} is paid with {partner} of the same day, not apart",
        "authorization": "{cpt} of {service_date} needs an authorization, and none is on file",
        "contradictory": "{cpt} of {service_date} bears {modifiers}: one modifier says that the service is needed or that no "
        "notice was given, the other that a notice of non-coverage was",
        "notice_late": "The notice of non-coverage for {cpt} of {service_date} is dated {abn_on}, after the service",
    },
    fix={
        "unknown": f"{KEEP} the coverage of {{cpt}} {SAY}.",
        "not_covered": f"{KEEP} the coverage of {{cpt}} {SAY}. With a notice bill GA, or GY where the law excludes it.",
        "bundled": f"Take {{cpt}} off the claim; or set its coverage {SAY}.",
        "bundled_with": f"Take {{cpt}} off the claim, or bill it without {{partner}}; or set its coverage {SAY}.",
        "authorization": f"Get the authorization, or record its number; or set the coverage of {{cpt}} {SAY}.",
        "contradictory": "Decide which is true: KX attests that the service is needed, GA that a notice says it may not be, GZ "
        "that there is no notice. Keep one.",
        "notice_late": "A notice binds only when it was given before the service: do not bill the patient; bill GZ or no "
        "modifier.",
    },
)
def coverage_unknown(
    claim_lines: nw.LazyFrame, relative_values: nw.LazyFrame, authorizations: nw.LazyFrame
) -> nw.LazyFrame:
    """A code is billed in good faith that somebody read what the payer covers; this says where nobody did.

    ## What it checks
    Each claim line against the payer's coverage of its code: covered, with authorization, bundled, not covered, unknown.

    ## Why it matters
    A code that the payer does not cover is denied, and without a notice the patient does not owe it either.

    ## How we read the rule
    - A code without a row in the payer's policy is unknown, never not covered. One note for each payer and code says so,
      with the number of lines, and not one for each line: the answer is one call to the payer.
    - For a payer that follows the Medicare fee schedule, a code without a row takes the status of the newest edition
      begun by the day. Its exclusions and bundles hold for Medicare itself only.
    - A bundled code is never paid apart; one that is bundled with others only on a day with one of them, of the same
      patient and payer.
    - A code that needs an authorization fails where the claim names none and no authorization on file speaks for the
      patient, payer, code and day.
    - GA, GX, GY or GZ say that the line is not billed for payment: a code that Medicare does not cover passes with one.
    - GA beside KX, or beside GZ, contradicts itself. A notice (GA, GX) must be dated by the day of service.
    - What must not be billed is high until it is submitted; a contradiction or late notice has no dollars.

    ## What it does not check
    Whether an authorization is used up (FRQ-02), pairs of codes (NCCI-01), and whether a modifier frees a code from a
    payer's own bundle.
    """
    lines = with_authorization(with_partner(with_coverage(claim_lines, relative_values)), authorizations)
    notices = nw.coalesce(nw.col("abn_modifiers"), nw.lit(False))
    with_notice = notices & has_code("modifiers", ["GA", "GX"])
    declared = notices & has_code("modifiers", ["GA", "GX", "GY", "GZ"])
    contradictory = notices & has_code("modifiers", "GA") & has_code("modifiers", ["KX", "GZ"])
    late = with_notice & (nw.col("abn_on") > nw.col("service_date"))
    covers = nw.col("covers")
    unauthorized = (covers == "authorization") & (nw.col("authorized") == 0)
    case = first(
        ("contradictory", contradictory),
        ("notice_late", late),
        ("not_covered", (covers == "not_covered") & ~declared),
        ("bundled_with", ~nw.col("partner").is_null() & ~declared),
        ("bundled", (covers == "bundled") & nw.col("bundled_with").is_null() & ~declared),
        ("authorization", unauthorized & (nw.col("kept") == 1)),
    )
    lines = lines.with_columns(case=case)
    judged = judge(
        lines.filter((covers != UNKNOWN) | ~nw.col("case").is_null() | ~nw.col("policy_missing").is_null()),
        applies=ruled("coverage"),
        cannot_tell={
            "claim_lines.abn_on": with_notice & nw.col("abn_on").is_null() & nw.col("case").is_null(),
            "authorizations": unauthorized & nw.col("case").is_null(),
        },
        fails=~nw.col("case").is_null(),
    )
    return nw.concat([_of_lines(judged), _of_codes(lines)], how="vertical")


def _of_lines(judged: nw.LazyFrame) -> nw.LazyFrame:
    without_dollars = nw.coalesce(nw.col("case").is_in(["contradictory", "notice_late"]), nw.lit(False))
    never = nw.col("outcome").is_null()
    return judged.with_columns(
        severity=nw.lit("block_or_repay"),
        subject=nw.lit("line"),
        lines_billed=nw.when(never).then(nw.col("line")),
        first_on=nw.when(never).then(nw.col("service_date")),
        exposed_share=nw.when(without_dollars).then(nw.lit(0.0)).otherwise(nw.lit(1.0)),
    ).select(FACTS)


def _of_codes(lines: nw.LazyFrame) -> nw.LazyFrame:
    """Once a payer and code of unknown coverage."""
    known_payer = ~nw.col("payer_id").is_null() & ~nw.col("policy").is_null()
    unread = lines.filter((nw.col("covers") == UNKNOWN) & ~nw.col("coverage").is_null() & known_payer)
    none, never = nw.lit(None, dtype=nw.String), nw.col("payer_id").is_null()
    codes = unread.group_by(*CODE).agg(
        lines_billed=nw.col("line").count(),
        first_on=nw.col("service_date").min(),
        service_date=nw.col("service_date").max(),
        coverage__id=nw.col("coverage__id").min(),
    )
    codes = codes.with_columns(lines_billed=nw.col("lines_billed").cast(nw.Int64))
    return codes.with_columns(
        claim_id=none, line=nw.when(never).then(nw.col("lines_billed")), outcome=nw.lit(FAIL), missing=none,
        case=nw.lit("unknown"), severity=nw.lit("info"), subject=nw.lit("payer"), covers=nw.lit(UNKNOWN), partner=none,
        modifiers=none, abn_on=nw.when(never).then(nw.col("first_on")), exposed_share=nw.lit(1.0),
    ).select(FACTS)  # fmt: skip

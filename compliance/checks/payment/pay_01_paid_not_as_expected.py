"""PAY-01: what was paid is not what the payer's own terms come to."""

import narwhals as nw

from compliance.checks.payment.answers import answers, larger
from compliance.checks.payment.expected import with_payment, with_price, with_rivals
from compliance.checks.rule import rule
from compliance.checks.terms import cents, first, judge, kept, ruled, yes

PRICE = ["conversion_factor", "practice_expense_reduction", "pays_by_fee_schedule"]
SHARE = ["coinsurance", "part_b_deductible", "assistant_payment_factor", "sequestration"]
TOLERANCE = ["payment_tolerance_share", "payment_tolerance_amount"]
PARAMETERS = [*PRICE, *SHARE, *TOLERANCE]
STEPS = ["price_in_full", "reduction", "expected_allowed", "deductible_taken", "coinsurance_amount", "assistant_reduction",
         "sequestration_withheld", "expected_payment", "difference"]  # fmt: skip


@rule(
    code="PAY-01",
    title="Paid is not what was expected",
    severity="info",
    subject="line",
    unit="claim line that its primary payer answered",
    cites=["mppr-therapy", "ssa-1833", "cms-cq-co", "cms-sequestration"],
    needs=["remittances.paid", "claim_lines.cpt", "claim_lines.modifiers"],
    absence_of={"claim_lines": "day", "remittances": "patient"},
    parameters=PARAMETERS,
    exposes="line",
    message={
        "under_allowed": "{cpt} of {service_date} was paid ${paid:.2f}, ${missed:.2f} less than the ${expected_payment:.2f} "
        "expected: the payer allowed ${payer_allowed:.2f} where its terms come to ${expected_allowed:.2f}",
        "under_paid": "{cpt} of {service_date} was paid ${paid:.2f}, ${missed:.2f} less than the ${expected_payment:.2f} "
        "expected of ${expected_allowed:.2f} allowed",
        "over_allowed": "{cpt} of {service_date} was paid ${paid:.2f}, ${too_much:.2f} more than the ${expected_payment:.2f} "
        "expected: the payer allowed ${payer_allowed:.2f} where its terms come to ${expected_allowed:.2f}",
        "over_paid": "{cpt} of {service_date} was paid ${paid:.2f}, ${too_much:.2f} more than the ${expected_payment:.2f} "
        "expected of ${expected_allowed:.2f} allowed",
    },
    fix={
        "under_allowed": "Ask the payer to process the line again, with its fee schedule; correct the fee table if it is the "
        "table that is wrong.",
        "under_paid": "Compare the remittance's deductible, coinsurance and reductions with these steps; ask the payer to "
        "process the line again.",
        "over_allowed": "Find out why the payer allowed more; return what was paid too much, or correct the fee table.",
        "over_paid": "Find out why the payer paid more (deductible, coinsurance, assistant's reduction); return what was paid "
        "too much.",
    },
)
def paid_not_as_expected(
    claim_lines: nw.LazyFrame, remittances: nw.LazyFrame, adjustments: nw.LazyFrame
) -> nw.LazyFrame:
    """A payment that differs from the payer's fee schedule is money missed or money to return.

    ## What it checks
    Each line that its primary payer answered, where the payer follows the Medicare fee schedule or its fees are known.

    ## Why it matters
    An underpayment is lost unless somebody asks within the payer's time. An overpayment is the payer's money: it is to be
    returned once it is known.

    ## How we read the rule
    - The steps are: units at the fee; the reduction for further units of the day; no more than the charge; the deductible;
      coinsurance; the assistant's factor on the payer's share (CQ, CO); sequestration by the day of service.
    - A difference counts when it is more than the larger of a share of the expected payment and an amount.
    - Medicare's price hangs on the clinic's locality and its cost indices of that year. Where either is not known, and no
      fee is, what the payer should have allowed cannot be told. What it paid of the amount that it allowed is judged.
    - A Medicare Advantage plan pays by its contract: its price is known only from its fees. Without them, too much is more
      than the allowed amount less the patient's share, and too little is less than that after every reduction.
    - The payer's own fee comes before the Medicare fee schedule; where the payer reduces further units, the fee is reduced
      in the proportion of the relative values.
    - Of lines that share the day's highest practice expense, any one may be paid its first unit in full: the payer's
      choice stands, but not two of them.
    - The deductible is the remittance's own; where it is not said, what the patient owes beyond coinsurance. Where
      nothing is said, the line is judged only if no deductible could explain it.
    - With a copay, or where the payer has no coinsurance on file, the patient's share is what the remittance says.
    - Where a payer has fees but nobody has read whether it reduces further units, a lower payment on a day with
      several units cannot be told; a higher one can.
    - Of several remittances the latest stands; those of one day add up. Where it takes the payment back, nothing can be told.
    - A line that was denied is no underpayment. One that was paid nothing, of which no adjustment is told, may be denied: it
      cannot be told.
    - A line of the day that lacks its units or code, or one of the patient and payer that lacks its day, may be the one that is
      paid its first unit in full: where that decides, it cannot be told.
    - Too little is worth knowing, with the dollars missed; too much is a repayment risk of the difference.

    ## What it does not check
    Denials (PAY-02), secondary payers, and remittances that answer a claim as a whole.
    """
    told = kept(answers(remittances, adjustments))
    answered = claim_lines.join(told, on=["claim_id", "line"], how="left")
    rows = _with_slack(_ranked(kept(with_rivals(with_price(answered)))))
    over, under = _over_and_under()
    way = nw.coalesce(_way(), nw.lit("as expected"))
    unranked = nw.col("rivalled") & (way != nw.coalesce(nw.col("reduced_way"), nw.lit("as expected")))
    less = nw.col("paid") < nw.col("expected_payment") - nw.col("slack")
    unread = ~nw.col("fee").is_null() & ~nw.col("reduces") & (~nw.col("single") | nw.col("rivalled"))
    unpriced = nw.col("unpriced") & ~nw.coalesce(over | under, nw.lit(False))
    bare = unpriced & nw.col("fee").is_null()
    open_deductible = nw.col("by_rate") & nw.col("known_deductible").is_null() & less & ~under
    judged = judge(
        rows.with_columns(over=over),
        applies=_applies(),
        cannot_tell={
            "remittances.paid": nw.col("paid").is_null() | (nw.col("paid") < 0),
            "claim_lines.units": nw.col("units").is_null() | (unranked & yes("without_units")),
            "claim_lines.cpt": unranked & yes("without_code"),
            "claim_lines.service_date": unranked & yes("without_date"),
            "remittances.adjustments": under & (nw.col("paid") == 0) & (nw.col("adjusted") == 0),
            "fees.amount": bare & nw.col("by_contract"),
            "policy.conversion_factor": bare & nw.col("conversion_factor").is_null(),
            "policy.relative_values": unpriced & (nw.col("unit_price").is_null() | ~nw.col("fee").is_null()),
            "clinics.locality": unpriced & nw.col("locality").is_null(),
            "clinics.state": unpriced & nw.col("state").is_null(),
            "policy.geography": unpriced,
            "remittances.patient_responsibility": nw.col("expected_payment").is_null(),
            "policy.practice_expense_reduction": unread & less,
            "remittances.deductible": open_deductible,
        },
        fails=over | under,
    )
    return _told(judged).select(
        "claim_id", "line", "outcome", "missing", "case", "severity", "cpt", "units", "price_from", *STEPS, "paid",
        "payer_allowed", "missed", "too_much", "exposed_share", *(f"{name}__id" for name in PARAMETERS),
    )  # fmt: skip


def _applies() -> nw.Expr:
    """Answered by the primary payer, billed, not denied, with a price: a fee, or a schedule that the payer follows."""
    primary = nw.coalesce(nw.col("payer_order"), nw.lit(1)) == 1
    denied = (nw.col("denied") > 0) & (nw.coalesce(nw.col("paid"), nw.lit(0.0)) <= 0)
    billed = nw.coalesce(nw.col("units"), nw.lit(1)) > 0
    priced = ~nw.col("fee").is_null() | ruled("conversion_factor", "practice_expense_reduction")
    return ~nw.col("answered").is_null() & primary & billed & ~nw.coalesce(denied, nw.lit(False)) & priced


def _ranked(rows: nw.LazyFrame) -> nw.LazyFrame:
    """Add `rivalled` (a line that lacks a fact may be paid the day's first unit in full) and `reduced_way`, how the line was
    paid if it is. A line that was paid too little even so is held against that lower amount."""
    rivalled = yes("without_units") | yes("without_code") | yes("without_date")
    reduced = rows.filter(rivalled).with_columns(expected_allowed=nw.col("reduced_allowed"))
    told = _with_slack(reduced).select("claim_id", "line", reduced_way=_way())
    rows = rows.join(told, on=["claim_id", "line"], how="left").with_columns(rivalled=rivalled)
    too_little = nw.coalesce(nw.col("reduced_way") == "under", nw.lit(False))
    return rows.with_columns(
        expected_allowed=nw.when(too_little)
        .then(nw.col("reduced_allowed"))
        .otherwise(nw.col("expected_allowed"))
    )


def _with_slack(rows: nw.LazyFrame) -> nw.LazyFrame:
    return with_payment(rows).with_columns(
        slack=_slack("expected_payment"), least_slack=_slack("least_payment")
    )


def _over_and_under() -> tuple[nw.Expr, nw.Expr]:
    over = nw.col("paid") > nw.col("expected_payment") + nw.col("slack")
    return over, nw.col("paid") < nw.col("least_payment") - nw.col("least_slack")


def _way() -> nw.Expr:
    """`over` or `under`; null where the line was paid as expected."""
    over, under = _over_and_under()
    return first(("over", over), ("under", under))


def _slack(payment: str) -> nw.Expr:
    return larger(nw.col(payment) * nw.col("payment_tolerance_share"), nw.col("payment_tolerance_amount"))


def _told(judged: nw.LazyFrame) -> nw.LazyFrame:
    """Add the steps to the cent, which part differs, and the share of the line that was paid too much."""
    over = nw.coalesce(nw.col("over"), nw.lit(False))
    judged = judged.with_columns(
        expected_payment=nw.when(over).then(nw.col("expected_payment")).otherwise(nw.col("least_payment"))
    )
    allowed_off = (nw.col("payer_allowed") - nw.col("expected_allowed")).abs() > larger(
        nw.col("expected_allowed") * nw.col("payment_tolerance_share"), nw.col("payment_tolerance_amount")
    )
    part = (
        nw.when(nw.coalesce(allowed_off, nw.lit(False))).then(nw.lit("_allowed")).otherwise(nw.lit("_paid"))
    )
    way = nw.when(over).then(nw.lit("over")).otherwise(nw.lit("under"))
    judged = judged.with_columns(
        reduction=nw.col("price_in_full") - nw.col("expected_allowed"),
        difference=nw.col("paid") - cents(nw.col("expected_payment")),
    ).with_columns(**{name: cents(nw.col(name)) for name in STEPS})
    return judged.with_columns(
        case=nw.concat_str([way, part]),
        severity=nw.when(over).then(nw.lit("medium")).otherwise(nw.lit("info")),
        missed=nw.when(~over).then(-nw.col("difference")),
        too_much=nw.when(over).then(nw.col("difference")),
        exposed_share=nw.when(over & (nw.col("amount") > 0)).then(nw.col("difference") / nw.col("amount")),
    )

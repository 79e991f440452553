"""What a payer should have paid for a line: its price, the patient's share, the assistant's factor, sequestration."""

import narwhals as nw

from compliance.checks.payment.answers import larger, smaller
from compliance.checks.terms import ASSISTANT_MODIFIERS, flag, has_code


def with_price(lines: nw.LazyFrame) -> nw.LazyFrame:
    """Add what a line should be allowed.

    price_in_full: units at the payer's fee, else at the fee schedule's unreduced price, where the payer follows it and the
    clinic's cost indices of that day are known. expected_allowed: that, reduced for further units of the day where the
    payer reduces, and no more than the charge; where it is not known (`unpriced`), what the remittance itself allowed.
    reduced_allowed: expected_allowed, were another line of the day paid its first unit in full.
    by_contract: the payer's terms are its own. single: the line is the day's only unit. reduces: the payer reduces.
    """
    full_unit = nw.col("unit_price") + nw.col("first_unit_more")
    day = lines.group_by("price_day").agg(
        day_units=nw.col("units").sum(), day_more=nw.col("first_unit_more").max()
    )
    rows = lines.join(day, on="price_day", how="left").with_columns(
        reduces=~nw.col("practice_expense_reduction").is_null(),
        single=nw.coalesce(nw.col("day_units") == 1, nw.lit(False)),
        full_price=full_unit * nw.col("units"),
        by_contract=~nw.coalesce(nw.col("pays_by_fee_schedule"), nw.lit(False)),
    )
    on_schedule = ~nw.col("conversion_factor").is_null() & ~nw.col("by_contract") & ~nw.col("national")
    rows = rows.with_columns(
        from_schedule=nw.when(on_schedule).then(full_unit * nw.col("units")),
    )
    rows = _first_unit(
        rows.with_columns(
            price_in_full=nw.coalesce(nw.col("fee"), nw.col("from_schedule")),
            price_from=nw.when(~nw.col("fee").is_null())
            .then(nw.lit("the payer's fee"))
            .otherwise(nw.lit("Medicare fee schedule")),
        )
    )
    kept = nw.when(nw.col("reduces") & ~nw.col("single")).then(nw.col("kept")).otherwise(nw.lit(1.0))
    rows = rows.with_columns(by_terms=smaller(nw.col("charge"), nw.col("price_in_full") * kept))
    reduced = nw.when(nw.col("reduces")).then(nw.col("without")).otherwise(nw.lit(1.0))
    reduced = smaller(nw.col("charge"), nw.col("price_in_full") * reduced)
    unpriced = nw.col("by_terms").is_null()
    own = nw.lit("what the remittance allowed")
    return rows.with_columns(
        unpriced=unpriced,
        price_from=nw.when(unpriced).then(own).otherwise(nw.col("price_from")),
        expected_allowed=nw.coalesce(nw.col("by_terms"), nw.col("payer_allowed")),
        reduced_allowed=nw.coalesce(reduced, nw.col("payer_allowed")),
    )


def _first_unit(rows: nw.LazyFrame) -> nw.LazyFrame:
    """Add `kept`, the share of the full price that is paid when further units are reduced, and `without`, when all are.

    Of lines that share the day's highest practice expense any one may be paid its first unit in full: the one that
    the payer chose, where it chose one, else the first by key.
    """
    without = 1 - nw.col("first_unit_more") / nw.col("full_price") * nw.col("units")
    with_it = without + nw.col("first_unit_more") / nw.col("full_price")
    tied = (nw.col("units") > 0) & (nw.col("first_unit_more") == nw.col("day_more"))
    chosen = nw.col("payer_allowed") > nw.col("price_in_full") * (without + with_it) / 2
    rows = rows.with_columns(
        chosen=flag(tied & chosen), tied=flag(tied & ~nw.col("day_more").is_null()), without=without
    )
    day = rows.group_by("price_day").agg(day_chosen=nw.col("chosen").sum())
    theirs = nw.when(nw.col("chosen") == 1).then(with_it).otherwise(without)
    ours = nw.col("worth") / nw.col("full_price")
    one = (nw.col("tied") == 1) & (nw.col("day_chosen") == 1)
    return rows.join(day, on="price_day", how="left").with_columns(
        kept=nw.when(one).then(theirs).otherwise(ours)
    )


def with_payment(lines: nw.LazyFrame) -> nw.LazyFrame:
    """Add what the payer should have paid of the expected allowed amount.

    by_rate: the patient owes a share of it (`coinsurance`) after the deductible; else (a copay, or no such policy) what
    the remittance says. expected_payment: with the deductible that the remittance says, none where it does not.
    least_payment: where it does not say, with as much deductible as may be open. Both null where the share is unknown.
    Of a contract that nobody has on file, nothing is taken from the expected payment but the patient's share as the
    remittance says it; the least has every reduction.
    """
    by_own_terms = nw.col("unpriced") & nw.col("by_contract")
    rate = ~nw.col("coinsurance").is_null() & (nw.col("copay") == 0) & ~by_own_terms
    rows = lines.with_columns(by_rate=rate).with_columns(known_deductible=_deductible())
    allowed = nw.col("expected_allowed")
    open_deductible = smaller(nw.col("part_b_deductible"), allowed)
    said = smaller(nw.coalesce(nw.col("known_deductible"), nw.lit(0.0)), allowed)
    assisted = has_code("modifiers", ASSISTANT_MODIFIERS) & ~nw.col("assistant_payment_factor").is_null()
    return rows.with_columns(
        factor=nw.when(assisted).then(nw.col("assistant_payment_factor")).otherwise(nw.lit(1.0)),
        withheld=nw.coalesce(nw.col("sequestration"), nw.lit(0.0)),
        deductible_taken=nw.when(nw.col("by_rate")).then(said),
        coinsurance_amount=nw.when(nw.col("by_rate")).then((allowed - said) * nw.col("coinsurance")),
        share=_payers(allowed, said),
        least=_payers(
            allowed, nw.when(nw.col("known_deductible").is_null()).then(open_deductible).otherwise(said)
        ),
    ).with_columns(
        assistant_reduction=nw.col("share") * (1 - nw.col("factor")),
        sequestration_withheld=nw.col("share") * nw.col("factor") * nw.col("withheld"),
        expected_payment=nw.when(by_own_terms)
        .then(nw.col("share"))
        .otherwise(nw.col("share") * nw.col("factor") * (1 - nw.col("withheld"))),
        least_payment=nw.col("least") * nw.col("factor") * (1 - nw.col("withheld")),
    )


def _payers(allowed: nw.Expr, deductible: nw.Expr) -> nw.Expr:
    """The payer's share before its own reductions."""
    by_rate = (allowed - deductible) * (1 - nw.col("coinsurance"))
    as_said = larger(allowed - nw.col("patient_share"), nw.lit(0.0))
    return nw.when(nw.col("by_rate")).then(by_rate).otherwise(as_said)


def _deductible() -> nw.Expr:
    """The deductible as the remittance says it, else what of the patient's share is more than coinsurance."""
    rate = nw.col("coinsurance")
    more = (nw.col("patient_share") - rate * nw.col("payer_allowed")) / (1 - rate)
    cent = nw.lit(0.05)
    derived = nw.when(more > cent).then(more).otherwise(nw.when(~more.is_null()).then(nw.lit(0.0)))
    return nw.coalesce(nw.col("deductible"), nw.when(nw.col("by_rate")).then(derived))


MORE_THAN_ANY, LESS_THAN_ANY = 1_000_000.0, -1.0
"""Dollars that the first unit of a line may bring more: of an unknown code, and of one that has no relative values."""
PAYER = ["patient_id", "payer_id"]


def with_rivals(lines: nw.LazyFrame) -> nw.LazyFrame:
    """Add whether a line that lacks a fact may be the one of the day that is paid its first unit in full: without_units,
    without_code, without_date (0, 1, or null).

    A line without units is known to be none where its code has a lower practice expense. A line without a day may be of any day
    of its patient and payer.
    """
    uncoded = nw.col("cpt").is_null()
    more = nw.coalesce(nw.col("first_unit_more"), nw.lit(LESS_THAN_ANY))
    of_day = (
        lines.filter(nw.col("units").is_null() | uncoded)
        .with_columns(
            rival_more=nw.when(uncoded).then(nw.lit(MORE_THAN_ANY)).otherwise(more), uncoded=flag(uncoded)
        )
        .group_by("price_day")
        .agg(nw.col("rival_more", "uncoded").max())
    )
    undated = lines.filter(nw.col("service_date").is_null()).select(*PAYER).unique()
    lines = lines.join(of_day, on="price_day", how="left")
    lines = lines.join(undated.with_columns(without_date=nw.lit(1)), on=PAYER, how="left")
    dear = nw.col("rival_more") >= nw.col("first_unit_more")
    return lines.with_columns(
        without_code=flag(dear & (nw.col("uncoded") == 1)),
        without_units=flag(dear & (nw.col("uncoded") == 0)),
    ).drop("rival_more", "uncoded")

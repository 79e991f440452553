"""What a service that was not billed would have brought: the payer's fee, else what the patient's other lines brought."""

import narwhals as nw

from compliance.checks.terms import is_timed
from compliance.checks.units.allocation import CLOCK, supported


def own_units() -> nw.Expr:
    """Units that a code's own `skilled` minutes support by the row's CLOCK; one for a code that is not timed."""
    return nw.when(is_timed()).then(supported(nw.col("skilled"))).otherwise(nw.lit(1)).cast(nw.Int64)


def given_codes(interventions: nw.LazyFrame) -> nw.LazyFrame:
    """One row a visit note and code that a therapist or assistant gave: skilled minutes, whether any are unknown.

    Columns: note_id, cpt, patient_id, discipline, service_date, payer_id, the payer's CLOCK, skilled, unmeasured (1,
    else 0). What an aide gave, or a student without the therapist, makes no unit.
    """
    helper = nw.coalesce(nw.col("deliverer_role").is_in(["aide", "student"]), nw.lit(False))
    spared = nw.coalesce(nw.col("aide_minutes"), nw.lit(0)) + nw.coalesce(
        nw.col("student_minutes"), nw.lit(0)
    )
    rows = interventions.filter(nw.col("attended") & ~helper & ~nw.col("cpt").is_null()).with_columns(
        skilled=nw.when(nw.col("minutes") > spared).then(nw.col("minutes") - spared).otherwise(nw.lit(0)),
        unmeasured=nw.when(nw.col("minutes").is_null()).then(nw.lit(1)).otherwise(nw.lit(0)),
    )
    return rows.group_by("note_id", "cpt", "patient_id", "discipline", "service_date", "payer_id").agg(
        *(nw.col(name).max() for name in CLOCK),
        skilled=nw.col("skilled").sum(),
        unmeasured=nw.col("unmeasured").max(),
    )


def priced(services: nw.LazyFrame, claim_lines: nw.LazyFrame, fees: nw.LazyFrame) -> nw.LazyFrame:
    """Add `price`, dollars a unit: the payer's fee of the day, else the least that a unit brought the patient's lines."""
    key = ["patient_id", "payer_id", "cpt", "service_date"]
    day = nw.col("service_date")
    wanted = services.select(*key).unique()
    fee = (
        wanted.join(
            fees.select("payer_id", "cpt", "amount", begins="from", ends="to"), on=["payer_id", "cpt"]
        )
        .filter((nw.col("begins") <= day) & (nw.col("ends").is_null() | (nw.col("ends") >= day)))
        .group_by(key)
        .agg(fee=nw.col("amount").min())
    )
    own = (
        claim_lines.filter((nw.col("units") > 0) & (nw.col("amount") > 0))
        .with_columns(each=nw.col("amount") / nw.col("units"))
        .group_by("patient_id", "payer_id", "cpt")
        .agg(each=nw.col("each").min())
    )
    return (
        services.join(fee, on=key, how="left")
        .join(own, on=["patient_id", "payer_id", "cpt"], how="left")
        .with_columns(price=nw.coalesce(nw.col("fee"), nw.col("each")))
        .drop("fee", "each")
    )

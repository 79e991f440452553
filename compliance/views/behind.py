"""What the records hold behind a finding's figures, as small tables: told apart by the facts' names, not by rules."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import narwhals as nw
import polars as pl

from compliance.checks.modifiers.running_total import added_up
from compliance.parameters import ParameterValues
from compliance.policy import Policies

BUCKETS = {"PT and SLP": "PT_SLP", "OT": "OT"}


def running_total(
    finding: Mapping[str, Any], facts: Mapping[str, Any], lines: pl.DataFrame, policies: Policies
) -> pl.DataFrame | None:
    """The year's dollars of a threshold, line by line until the finding's.

    Service, Claim, Line, Code, Allowed, Sum so far, Threshold.
    What other providers' rows say comes first, without a claim. None where the facts name no running total, or where the
    lines do not add up to it: a table that contradicts the sentence helps nobody.
    """
    bucket = BUCKETS.get(str(facts.get("bucket")))
    if facts.get("running_total") is None or bucket is None or finding["service_date"] is None:
        return None
    own = lines.filter(pl.col("patient_id") == finding["patient_id"]).lazy()
    counting = ParameterValues(policies).attach(nw.from_native(own), ("kx_required",))
    codes = nw.from_native(policies.code_tables.frames["therapy_codes"].lazy())
    added = (
        added_up(counting, codes).filter(nw.col("bucket") == bucket, ~nw.col("known").is_null()).to_native()
    )
    year = finding["service_date"].year
    rows = added.collect().filter(pl.col("year") == year).sort("service_date", "claim_id", "line")
    if facts.get("elsewhere_with_own"):
        rows = rows.filter(pl.col("service_date") > datetime.fromisoformat(facts["elsewhere_on"]))
    last = (pl.col("claim_id") == finding["claim_id"]) & (pl.col("line") == finding["line"])
    here = rows.with_row_index("place").filter(last)["place"]
    if here.is_empty():
        return None
    told = _summed(_elsewhere(facts), rows.head(here[0] + 1))
    told = told.with_columns(pl.lit(float(facts["threshold"])).alias("Threshold"))
    return told if abs(told["Sum so far"][-1] - facts["running_total"]) < CENT else None


CENT = 0.01
COLUMNS = {"Service": pl.Date, "Claim": pl.String, "Line": pl.Int64, "Code": pl.String, "Allowed": pl.Float64}


def _elsewhere(facts: Mapping[str, Any]) -> pl.DataFrame:
    """What a row of other providers' dollars says, as the first row of the table; none where they are not known."""
    if facts.get("elsewhere") is None:
        return pl.DataFrame(schema=COLUMNS)
    whose = "all providers" if facts.get("elsewhere_with_own") else "other providers"
    on = datetime.fromisoformat(facts["elsewhere_on"]).date()
    return pl.DataFrame([(on, whose, None, None, float(facts["elsewhere"]))], schema=COLUMNS, orient="row")


def _summed(first: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    named = rows.select(
        pl.col("service_date").cast(pl.Date).alias("Service"), pl.col("claim_id").alias("Claim"),
        pl.col("line").cast(pl.Int64).alias("Line"), pl.col("cpt").alias("Code"), pl.col("own").alias("Allowed"),
    )  # fmt: skip
    return pl.concat([first, named]).with_columns(pl.col("Allowed").cum_sum().round(2).alias("Sum so far"))

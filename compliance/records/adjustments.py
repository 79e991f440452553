"""A remittance's adjustments as rows: the list in one cell is parted once, where records are read."""

import polars as pl

SCHEMA: dict[str, pl.DataType] = {
    "claim_id": pl.String(),
    "line": pl.Int64(),
    "paid_on": pl.Datetime("us"),
    "adjustment_group": pl.String(),
    "carc": pl.String(),
    "amount": pl.Float64(),
    "remark": pl.String(),
}
WRITTEN = r"^(?<adjustment_group>[A-Z]{2})-(?<carc>[A-Z0-9]+):(?<amount>-?[\d.]+)$"


def adjustments(remittances: pl.DataFrame) -> pl.DataFrame:
    """One row a line, group and reason of its latest remittance; several of one day add up, and what comes to 0 is out.

    Columns: claim_id, line (null = the whole claim), paid_on, adjustment_group (`CO`), carc (`50`), amount (dollars),
    remark (the remittance's remarks, separated by spaces).
    """
    answer = ["claim_id", "line"]
    latest = remittances.filter(pl.col("paid_on") == pl.col("paid_on").max().over(answer))
    told = (
        latest.drop_nulls("adjustments")
        .select(*answer, "paid_on", "remarks", said=pl.col("adjustments").str.split(" "))
        .explode("said")
        .with_columns(pl.col("said").str.extract_groups(WRITTEN).alias("parts"))
        .unnest("parts")
        .drop_nulls("carc")
    )
    return (
        told.group_by(*answer, "paid_on", "adjustment_group", "carc")
        .agg(pl.col("amount").cast(pl.Float64).sum().round(2), remark=pl.col("remarks").max())
        .filter(pl.col("amount") != 0)
        .select(list(SCHEMA))
        .cast(dict(SCHEMA))
        .sort(*answer, "adjustment_group", "carc", nulls_last=True)
    )

"""Money: what a line should pay, and what falls away when lines, units or codes of a patient's day do.

The physician fee schedule pays relative values times cost indices times a conversion factor; of a day's therapy units all
but the one with the highest practice expense are reduced in it (multiple-procedure reduction), across disciplines. A day
is therefore priced, and priced anew, as a whole. Dollars are what is allowed (before coinsurance, the assistant's factor
and sequestration). Sources stand with the values: `policy/medicare.yaml`, `policy/cms/tables.yaml`.
"""

import narwhals as nw
import polars as pl

PRICE_PARAMETERS = ("conversion_factor", "practice_expense_reduction")
REDUCED = "5"
"""The multiple-procedure indicator of codes that take the therapy reduction."""
LINE = ["claim_id", "line"]
PLACE = ("work", "practice_expense", "malpractice")


def priced(lines: nw.LazyFrame, relative_values: nw.LazyFrame, geography: nw.LazyFrame) -> nw.LazyFrame:
    """Add what a line is worth by relative values.

    `lines` carry PRICE_PARAMETERS of their payer and day, state and locality. Added, null where the code or the year
    has no relative values: `unit_price` (dollars of a unit, reduced where the payer reduces), `first_unit_more`
    (dollars more for the unit of the day that is not reduced), `price_day` (what is priced together), and `expected`
    (dollars of the line's units; only where the payer has a conversion factor), no more than the charge.
    """
    valued = _of_day(lines, relative_values, ["cpt"], (*PLACE, "multiple_procedure"))
    placed = _of_day(lines, geography, ["state", "locality"], PLACE, suffix="_index")
    work, practice, malpractice = (
        nw.col(name) * nw.coalesce(nw.col(f"{name}_index"), nw.lit(1.0)) for name in PLACE
    )
    factor = nw.coalesce(nw.col("conversion_factor"), nw.lit(1.0))
    takes = (nw.col("multiple_procedure") == REDUCED) & ~nw.col("practice_expense_reduction").is_null()
    more = factor * practice * nw.col("practice_expense_reduction")
    day = ["patient_id", "service_date", "payer_id", "biller"]
    lines = (
        lines.join(valued, on=LINE, how="left")
        .join(placed, on=LINE, how="left")
        .with_columns(
            national=nw.col("work_index").is_null(),
            first_unit_more=nw.when(nw.coalesce(takes, nw.lit(False)))
            .then(more)
            .otherwise(nw.when(~nw.col("work").is_null()).then(nw.lit(0.0)).otherwise(nw.lit(None))),
            full_price=factor * (work + practice + malpractice),
        )
        .with_columns(
            unit_price=nw.col("full_price") - nw.col("first_unit_more"),
            price_day=nw.concat_str(
                [nw.coalesce(nw.col(name).cast(nw.String), nw.lit("")) for name in day]
                + [nw.when(nw.col("patient_id").is_null()).then(nw.col("claim_id")).otherwise(nw.lit(""))],
                separator="|",
            ),
        )
    )
    return _expected(lines).drop(
        *PLACE, *(f"{name}_index" for name in PLACE), "multiple_procedure", "full_price"
    )


def _of_day(
    lines: nw.LazyFrame, values: nw.LazyFrame, on: list[str], columns: tuple[str, ...], suffix: str = ""
) -> nw.LazyFrame:
    """Each line's row of a dated table: claim_id, line and `columns`; no row where none was in force."""
    day = nw.col("service_date")
    return (
        lines.select(*LINE, *on, "service_date")
        .join(values.select(*on, *columns, "valid_from", "valid_until"), on=on, how="inner")
        .filter((nw.col("valid_from") <= day) & (day < nw.col("valid_until")))
        .select(*LINE, **{f"{name}{suffix}": nw.col(name) for name in columns})
    )


def _expected(lines: nw.LazyFrame) -> nw.LazyFrame:
    """Add `expected`: one unit of the day, of the code with the highest practice expense, is paid in full."""
    billed = nw.coalesce(nw.col("units") > 0, nw.lit(False)) & ~nw.col("unit_price").is_null()
    rank = nw.concat_str([nw.col("claim_id"), nw.lit("|"), nw.col("line").cast(nw.String)])
    highest = lines.filter(billed).group_by("price_day").agg(day_more=nw.col("first_unit_more").max())
    first = (
        lines.filter(billed)
        .join(highest, on="price_day")
        .filter(nw.col("first_unit_more") == nw.col("day_more"))
        .with_columns(rank=rank)
        .group_by("price_day")
        .agg(first=nw.col("rank").min(), day_more=nw.col("day_more").max())
    )
    is_first = nw.coalesce(rank == nw.col("first"), nw.lit(False))
    bonus = nw.when(is_first).then(nw.col("day_more")).otherwise(nw.lit(0.0))
    worth = nw.col("units") * nw.col("unit_price") + bonus
    capped = nw.when(worth > nw.col("charge")).then(nw.col("charge")).otherwise(worth)
    return (
        lines.join(first, on="price_day", how="left")
        .with_columns(
            worth=worth,
            expected=nw.when(~nw.col("conversion_factor").is_null()).then(capped).otherwise(nw.lit(None)),
        )
        .drop("first", "day_more")
    )


def exposure(exposed: pl.DataFrame, lines: pl.DataFrame, relative_values: pl.DataFrame) -> pl.Series:
    """Dollars at risk of each exposed line: what the day was allowed, less what it would be without what falls away.

    `exposed`: unit_row (the finding), claim_id, line, share (null = see below), exposed_units (null = all),
    exposed_as (the code it should have been, null = none). `lines`: the day's lines with `amount` and what `priced`
    adds. Where a share is given, or the code has no relative values, dollars are in proportion. Never below 0 nor
    above the line's amount.
    """
    own = lines.select(*LINE, "cpt", "service_date", "units", "amount", "unit_price", "first_unit_more", "worth", "price_day",
                       "conversion_factor", "practice_expense_reduction").with_row_index("place")  # fmt: skip
    # days and lines go by number from here on: joins by several texts cost most of all that follows
    own = own.with_columns(day=pl.col("place").first().over("price_day")).drop("price_day")
    rows = exposed.with_row_index("row").join(own, on=LINE, how="left", maintain_order="left")
    units = pl.col("units").cast(pl.Float64)
    rows = rows.with_columns(
        lost=pl.min_horizontal(pl.coalesce(pl.col("exposed_units").cast(pl.Float64), units), units)
    )
    rows = _swapped(rows, relative_values)
    before, after = _day_more(rows, own)
    rows = rows.join(before, on="day", how="left", maintain_order="left").join(
        after, on=["unit_row", "day"], how="left", maintain_order="left"
    )
    linear = pl.col("amount") * pl.coalesce("share", pl.col("lost") / units, pl.lit(1.0))
    is_priced = pl.col("share").is_null() & (pl.col("worth") > 0) & (units > 0)
    holds = pl.col("first_unit_more") == pl.col("before_more")
    moved = pl.when(holds).then(pl.col("before_more") - pl.col("after_more")).otherwise(0.0)
    lost = pl.col("lost") * (pl.col("unit_price") - pl.col("swap_price").fill_null(0.0)) + moved.fill_null(
        0.0
    )
    # several exposed lines of a day may have the highest practice expense: the first of them by key holds the full unit
    holds_first = pl.col("row").is_in(_first_holders(rows.filter(holds)).implode())
    once = pl.when(holds_first).then(lost).otherwise(lost - moved.fill_null(0.0))
    fraction = once / pl.col("worth")
    dollars = pl.when(is_priced).then(pl.col("amount") * fraction).otherwise(linear)
    # a line that is re-coded is paid anew, in whole cents
    recoded = pl.col("amount").round(2) - (pl.col("amount") - dollars).round(2)
    dollars = pl.when(pl.col("swap_price").is_not_null()).then(recoded).otherwise(dollars)
    at_risk = pl.max_horizontal(pl.lit(0.0), pl.min_horizontal(dollars, pl.col("amount")))
    return rows.select(at_risk=at_risk.fill_null(0.0))["at_risk"]


def _first_holders(holding: pl.DataFrame) -> pl.Series:
    """Of the rows that hold the full unit, the number `row` of the first, by key, of each finding's day."""
    return holding.group_by("unit_row", "day").agg(pl.col("row").sort_by(LINE).first())["row"]


def _swapped(rows: pl.DataFrame, relative_values: pl.DataFrame) -> pl.DataFrame:
    """Add `swap_price` and `swap_more`: a unit's price and its more, of the code that the line should have been.

    Nationally priced and set in proportion to the line's own price, so that its locality carries over.
    """
    own = _national(rows, relative_values, "cpt")
    other = _national(rows, relative_values, "exposed_as")
    reduction = pl.col("practice_expense_reduction").fill_null(0.0)

    def more(which: str) -> pl.Expr:
        takes = pl.col(f"multiple_procedure_{which}") == REDUCED
        return pl.when(takes).then(pl.col(f"practice_expense_{which}") * reduction).otherwise(0.0)

    def full(which: str) -> pl.Expr:
        return pl.sum_horizontal(*(pl.col(f"{name}_{which}") for name in PLACE), ignore_nulls=False)

    scale = (pl.col("unit_price") + pl.col("first_unit_more")) / full("cpt")
    return (
        rows.join(own, on="row", how="left", maintain_order="left")
        .join(other, on="row", how="left", maintain_order="left")
        .with_columns(
            swap_price=scale * (full("exposed_as") - more("exposed_as")),
            swap_more=scale * more("exposed_as"),
        )
    )


def _national(rows: pl.DataFrame, relative_values: pl.DataFrame, code: str) -> pl.DataFrame:
    day = pl.col("service_date")
    return (
        rows.filter(pl.col("exposed_as").is_not_null())
        .select("row", code, "service_date")
        .join(relative_values, left_on=code, right_on="cpt")
        .filter((pl.col("valid_from") <= day) & (day < pl.col("valid_until")))
        .select("row", *(pl.col(name).alias(f"{name}_{code}") for name in (*PLACE, "multiple_procedure")))
    )


def _day_more(rows: pl.DataFrame, lines: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The most that one unit of a day is paid more: as billed, and without what falls away by a finding.

    `rows` are the exposed lines, `lines` all: both with `place` (the line's number) and `day` (its price_day's).
    """
    billed = lines.filter((pl.col("units") > 0) & pl.col("unit_price").is_not_null())
    of_day = billed.select("day", "place", "first_unit_more").join(
        rows.select("day").unique(), on="day", how="semi"
    )
    before = of_day.group_by("day").agg(before_more=pl.col("first_unit_more").max())
    gone = rows.filter(pl.col("share").is_null()).select(
        "unit_row", "place", kept=pl.col("units") - pl.col("lost"), swap="swap_more"
    )
    gone = gone.join(of_day, on="place")
    # a day of ten thousand lines has a handful of prices: count lines by price, never finding by line
    prices = of_day.group_by("day", "first_unit_more").agg(lines=pl.len())
    fallen = (
        gone.group_by("unit_row", "day", "place", "first_unit_more")
        .agg(stays=(pl.col("kept").is_null() | (pl.col("kept") > 0)).any())
        .filter(~pl.col("stays"))
        .group_by("unit_row", "day", "first_unit_more")
        .agg(fallen=pl.len())
    )
    left = (
        rows.select("unit_row", "day")
        .unique()
        .join(prices, on="day")
        .join(fallen, on=["unit_row", "day", "first_unit_more"], how="left", nulls_equal=True)
        .with_columns(
            more=pl.when(pl.col("lines") > pl.col("fallen").fill_null(0)).then(pl.col("first_unit_more"))
        )
    )
    swapped = gone.group_by("unit_row", "day").agg(swap=pl.col("swap").max())
    after = (
        left.group_by("unit_row", "day")
        .agg(pl.col("more").max())
        .join(swapped, on=["unit_row", "day"], how="left")
        .select("unit_row", "day", after_more=pl.max_horizontal("more", "swap").fill_null(0.0))
    )
    return before, after

"""Tables and claim files together: the same claim once, the same therapist under one id.

Where a table and a claim file both have a row, the table's cells stand and the claim file fills the empty ones.
Therapists and clinics that tables know by another id are recognised by their NPI, which names one of them.
"""

import polars as pl

from compliance.formats import plural
from compliance.records.models import TABLES, schema
from compliance.records.report import Notice

BY_NPI = (("therapists", "therapist_id", ("claim_lines",)), ("clinics", "clinic_id", ("claims",)))


def merged(
    tables: dict[str, pl.DataFrame], claim_files: dict[str, pl.DataFrame], what: str = "claim files"
) -> tuple[dict[str, pl.DataFrame], dict[str, int], list[Notice]]:
    """Tables with the claim files' rows added; per table how many rows of these the tables had already.

    `what`: what the files are called whose rows are added (`claim files`, `FHIR files`).
    """
    claim_files = _under_known_ids(tables, dict(claim_files))
    both, met, told = dict(tables), {}, []
    for name, added in claim_files.items():
        own = tables.get(name)
        if own is None or not own.height:
            both[name] = added
            continue
        if name == "remittances":
            both[name], met[name] = _remittances(own, added)
        else:
            both[name], met[name] = _filled(name, own, added)
        if met[name]:
            rows = plural(met[name], f"row of {what} is", f"rows of {what} are")
            said = f"{name}: {rows} in the tables too; the tables' cells stand"
            told.append(Notice("merge", said, None, name, met[name]))
    return both, met, told


def _under_known_ids(
    tables: dict[str, pl.DataFrame], claim_files: dict[str, pl.DataFrame]
) -> dict[str, pl.DataFrame]:
    for name, key, users in BY_NPI:
        known = tables.get(name)
        if known is None or name not in claim_files:
            continue
        one = pl.col("npi").is_not_null() & pl.col("npi").is_unique()
        named = known.filter(one).select("npi", pl.col(key).alias("known id"))
        for user in (name, *users):
            if user not in claim_files:
                continue
            joined = claim_files[user].join(
                named, left_on=key, right_on="npi", how="left", maintain_order="left"
            )
            claim_files[user] = joined.with_columns(pl.coalesce("known id", key).alias(key)).drop("known id")
    return _under_known_authorizations(tables, claim_files)


def _under_known_authorizations(
    tables: dict[str, pl.DataFrame], claim_files: dict[str, pl.DataFrame]
) -> dict[str, pl.DataFrame]:
    """Claims name an authorization by the payer's number; where that is one authorization's, by its id."""
    known, claims = tables.get("authorizations"), claim_files.get("claims")
    if known is None or claims is None:
        return claim_files
    one = pl.col("number").is_not_null() & pl.col("number").is_unique()
    named = known.filter(one).select("number", pl.col("authorization_id").alias("known id"))
    joined = claims.join(
        named, left_on="authorization_id", right_on="number", how="left", maintain_order="left"
    )
    meant = pl.coalesce("known id", "authorization_id").alias("authorization_id")
    return {**claim_files, "claims": joined.with_columns(meant).drop("known id")}


def _filled(name: str, own: pl.DataFrame, added: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    keys = list(TABLES[name].keys)
    cells = [column for column in schema(name) if column not in keys]
    once = added.unique(keys, keep="first", maintain_order=True)
    filled = own.join(
        once.select(*keys, *cells), on=keys, how="left", suffix=" of claim files", maintain_order="left"
    )
    filled = filled.with_columns(pl.coalesce(cell, f"{cell} of claim files").alias(cell) for cell in cells)
    new = added.join(own, on=keys, how="anti", maintain_order="left")
    return pl.concat([filled.select(own.columns), new.select(own.columns)]), added.height - new.height


def _remittances(own: pl.DataFrame, added: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """Answers of one day to one line add up, so that those which a table has are not added again."""
    keys = list(TABLES["remittances"].keys)
    new = added.join(own, on=keys, how="anti", nulls_equal=True, maintain_order="left")
    return pl.concat([own, new.select(own.columns)]), added.height - new.height

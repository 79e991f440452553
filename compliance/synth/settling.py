"""What the lines of one patient owe to each other: a day's price, KX by the year, 59 between the codes of two disciplines.

Lines are filed one episode after another; these three look across episodes, and are drawn anew when lines are spoilt.
Rows are those of the tables `claim_lines`, `claims`, `remittances` and `therapy_spend`, and are changed in place.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from compliance.synth import billing
from compliance.synth.staff import PAYERS

Row = dict[str, Any]
Key = tuple[str, int]
KIND_OF = {payer_id: kind for payer_id, _, kind in PAYERS}


def settle(
    lines: list[Row],
    claims: Mapping[str, Row],
    remittances: Mapping[Key, Row],
    spend: Iterable[Row],
) -> None:
    """Price, pay and mark all lines of one patient."""
    mark_pairs(lines, claims)
    price_days(lines, claims, remittances)
    mark_kx(lines, claims, remittances, spend)


def price_days(lines: Iterable[Row], claims: Mapping[str, Row], remittances: Mapping[Key, Row]) -> None:
    """Charge, allow and pay each line: a payer reduces all units of a patient's day but one, across disciplines."""
    days: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for line in lines:
        days[claims[line["claim_id"]]["payer_id"], line["service_date"]].append(line)
    for (payer_id, _), rows in days.items():
        priced = [billing.Line(row["cpt"], int(row["units"] or 0)) for row in rows]
        billing.price(priced, KIND_OF[payer_id])
        for row, line in zip(rows, priced, strict=True):
            charged = billing.charge(line.cpt, line.units)
            row["charge"] = f"{charged:.2f}"
            remitted = remittances.get((row["claim_id"], row["line"]))
            if remitted:
                assisted = bool({"CQ", "CO"} & set(row["modifiers"]))
                paid, share, adjustments = billing.paid(line, charged, KIND_OF[payer_id], assisted)
                remitted |= {
                    "allowed": f"{line.allowed:.2f}", "paid": f"{paid:.2f}",
                    "patient_responsibility": f"{share:.2f}", "adjustments": adjustments,
                }  # fmt: skip


def mark_kx(
    lines: Iterable[Row],
    claims: Mapping[str, Row],
    remittances: Mapping[Key, Row],
    spend: Iterable[Row],
) -> None:
    """KX on each Medicare line from the one on that brings the year's bucket above the threshold.

    Lines count in order of service, claim and line, at what was allowed, else at the payer's fee.
    """
    spent: dict[tuple[int, str], float] = defaultdict(float)
    for row in spend:
        spent[row["year"], row["bucket"]] += float(row["amount"])
    medicare = [line for line in lines if KIND_OF[claims[line["claim_id"]]["payer_id"]] == "medicare"]
    for line in sorted(medicare, key=lambda row: (row["service_date"], row["claim_id"], row["line"])):
        bucket = (line["service_date"].year, "OT" if "GO" in line["modifiers"] else "PT_SLP")
        remitted = remittances.get((line["claim_id"], line["line"]))
        fee = billing.PRICES[line["cpt"]][0] * (line["units"] or 0)
        spent[bucket] = round(spent[bucket] + (float(remitted["allowed"]) if remitted else fee), 2)
        marks = [mark for mark in line["modifiers"] if mark != "KX"]
        if spent[bucket] > billing.KX_FROM:
            marks.insert(1 + bool({"CQ", "CO"} & set(marks)), "KX")
        line["modifiers"] = marks


def mark_pairs(lines: Iterable[Row], claims: Mapping[str, Row]) -> None:
    """59 on a facility's speech therapy where it would bundle other codes of the day: they had sessions of their own."""
    days: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for line in lines:
        claim = claims[line["claim_id"]]
        if claim["form"] == "institutional" and KIND_OF[claim["payer_id"]] in billing.KEEPS_PAIRS:
            days[claim["payer_id"], line["service_date"]].append(line)
    for rows in days.values():
        codes = {row["cpt"] for row in rows}
        for row in rows:
            if codes & set(billing.BUNDLED.get(row["cpt"], ())):
                row["modifiers"].append("59")

"""PAY-02: the same payer denies the same code for the same reason again and again."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import narwhals as nw
import polars as pl

from compliance.checks.rule import rule
from compliance.checks.terms import BETWEEN_LINES, fold, judge, ruled
from compliance.policy.remittance_codes import explained_by, meaning

PARAMETERS = ["denial_repeats", "denial_days"]
GROUP = ["payer_id", "carc", "cpt"]
RETURNS: dict[str, pl.DataType] = {
    "denials": pl.Int64(), "first_on": pl.Datetime("us"), "last_on": pl.Datetime("us"), "service_date": pl.Datetime("us"),
    "denied_dollars": pl.Float64(), "remarks": pl.String(), "reason": pl.String(), "explained_by": pl.String(),
    "exposed_lines": pl.String(), "policy_missing": pl.String(),
    **{name: pl.Int64() for each in PARAMETERS for name in (each, f"{each}__id")},
}  # fmt: skip


@rule(
    code="PAY-02",
    title="Denial recurs",
    severity="info",
    subject="payer",
    key=GROUP,
    unit="payer, reason and code of its denials",
    cites=["remittance-codes-therapy"],
    needs=["remittances.adjustments", "claim_lines.cpt"],
    parameters=PARAMETERS,
    exposes="lines",
    scope="payer",
    message={
        "mapped": "{cpt} was denied {denials} times from {first_on} to {last_on} for reason {carc} ({reason}); "
        "look at {explained_by}",
        "unmapped": "{cpt} was denied {denials} times from {first_on} to {last_on} for reason {carc} ({reason})",
    },
    fix={
        "mapped": "Look at the findings of {explained_by} on these lines; mend the cause before the code is billed again, and "
        "appeal what was right.",
        "unmapped": "Read the remittances of these lines; mend the cause before the code is billed again, and appeal what was "
        "right.",
    },
)
def denial_recurs(denials: nw.LazyFrame) -> nw.LazyFrame:
    """One denial is a case; the same one three times is a cause that will deny the next claim as well.

    ## What it checks
    Denied lines of each payer, by the reason code of the remittance and the billing code.

    ## Why it matters
    Each denial costs work and time. A reason that recurs has a root cause: a modifier, a missing report, an authorization.

    ## How we read the rule
    - What counts is denials of one code for one reason by one payer within so many days of the remittance's date; the
      finding tells of the days with the most.
    - A line counts once, however many adjustments or remittances say so; of several remittances the latest stands.
    - The contractual difference, the patient's share, the reduction of further units and sequestration are no denials.
    - A claim that was replaced or voided since counts: the denial happened.
    - The rules beside a reason come from our own table; a remark that names fewer of them brings those first.

    ## What it does not check
    Whether the denial was right, and remittances that deny a claim as a whole without its lines.
    """
    rows = denials.filter(~nw.col("line").is_null() & ~nw.col("cpt").is_null()).select(
        *GROUP, "claim_id", "line", "paid_on", "service_date", "amount", "remark", "policy_missing",
        *PARAMETERS, *(f"{name}__id" for name in PARAMETERS),
    )  # fmt: skip
    order = ["paid_on", "claim_id", "line", "amount"]
    groups = fold(rows, by=GROUP, order_by=order, step=_densest, returns=RETURNS)
    mapped = nw.when(nw.col("explained_by").is_null()).then(nw.lit("unmapped")).otherwise(nw.lit("mapped"))
    return judge(
        groups.with_columns(case=mapped),
        applies=ruled(*PARAMETERS),
        fails=nw.col("denials") >= nw.col("denial_repeats"),
    ).drop("policy_missing")


def _densest(rows: list[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    """The window of a group's denials, in order of their days, that holds the most; of equal ones the latest."""
    lines = list({(row["claim_id"], row["line"]): row for row in reversed(rows)}.values())[::-1]
    days, opens, best = timedelta(days=rows[-1]["denial_days"] or 0), 0, (0, 0)
    for closes, row in enumerate(lines):
        while row["paid_on"] - lines[opens]["paid_on"] > days:
            opens += 1
        if closes + 1 - opens >= best[1] - best[0]:
            best = (opens, closes + 1)
    yield _told(lines[slice(*best)], rows[-1])


def _told(window: list[dict[str, Any]], last: dict[str, Any]) -> dict[str, Any]:
    remarks = " ".join(dict.fromkeys(code for row in window for code in (row["remark"] or "").split()))
    rules = explained_by(last["carc"], remarks)
    return {
        "denials": len(window),
        "first_on": window[0]["paid_on"],
        "last_on": window[-1]["paid_on"],
        "service_date": window[-1]["service_date"],
        "denied_dollars": round(sum(row["amount"] for row in window), 2),
        "remarks": remarks or None,
        "reason": meaning(last["carc"]),
        "explained_by": ", ".join(rules) or None,
        "exposed_lines": BETWEEN_LINES.join(f"{row['claim_id']}/{int(row['line'])}" for row in window),
        "policy_missing": last["policy_missing"],
        **{name: last[name] for each in PARAMETERS for name in (each, f"{each}__id")},
    }

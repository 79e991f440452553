"""Claims and remittances: charges, allowed amounts by payer, what Medicare pays of them, and adjustments that add up.

Prices are invented around the national 2026 physician fee schedule; they are no fee schedule of any payer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from compliance.synth.calendar import next_open

PRICES = {
    "97530": (35.07, 25.05, 0.60), "97110": (29.06, 22.21, 0.41), "97112": (32.73, 24.88, 0.47),
    "97116": (29.06, 22.21, 0.41),
    "97140": (27.72, 21.21, 0.39), "97535": (32.40, 23.88, 0.51), "97161": (97.86, 74.82, 1.38),
    "97162": (97.86, 74.82, 1.38),
    "97163": (97.86, 74.82, 1.38), "97165": (100.54, 76.15, 1.46), "97166": (100.54, 76.15, 1.46),
    "97167": (100.54, 76.15, 1.46),
    "97164": (67.47, 49.93, 1.05), "97168": (68.47, 50.44, 1.08), "92507": (76.15, 59.95, 0.97),
    "92526": (84.17, 64.63, 1.17),
    "92523": (215.30, 167.10, 2.90), "92522": (108.20, 84.50, 1.40),
    "97150": (18.04, 14.03, 0.24), "97750": (33.73, 24.55, 0.55), "95851": (21.71, 21.71, 0.0), "97010": (0.0, 0.0, 0.0),
    "98975": (21.71, 21.71, 0.0), "98977": (51.44, 51.44, 0.0), "98985": (51.44, 51.44, 0.0),
    "98979": (26.39, 26.39, 0.0), "98980": (54.11, 54.11, 0.0), "98981": (41.42, 41.42, 0.0),
}  # fmt: skip
"""Code: allowed for the first unit of a day, for every other, and the practice expense that decides which is first."""
CHARGES = {"97530": 92.0, "97110": 84.0, "97112": 88.0, "97116": 80.0, "97140": 82.0, "97535": 86.0, "97164": 140.0,
"97168": 142.0,
           "92507": 165.0, "92526": 178.0, "92523": 390.0, "92522": 240.0, "97150": 55.0, "97750": 90.0, "95851": 60.0,
           "97010": 25.0,
           "98975": 60.0, "98977": 140.0, "98985": 140.0, "98979": 75.0, "98980": 150.0, "98981": 120.0}  # fmt: skip
EVALUATION_CHARGE = 210.0
FACTORS = {"medicare": 1.0, "medicare_advantage": 0.97, "medicaid": 0.64, "commercial": 1.18, "tricare": 0.95,
"workers_comp": 1.32,
           "auto": 1.41, "self_pay": 0.9}  # fmt: skip
ASSISTANT_MODIFIER = {"PT": "CQ", "OT": "CO"}
PAYS_ASSISTANTS_LESS = ("medicare", "tricare", "medicare_advantage")
KEEPS_PAIRS = ("medicare", "medicare_advantage")
"""Payers that deny pairs of codes by Medicare's tables."""
BUNDLED = dict.fromkeys(("92507", "92526"), ("97110", "97112", "97150", "97530"))
"""Codes that a facility's speech therapy of the same day bundles unless a modifier says that they were separate."""
KX_FROM = 2480.0
"""Allowed dollars of a calendar year (PT and SLP together, OT apart) from which lines bear KX in 2026."""
FORMS = {
    "private_practice": ("professional", "", "11"),
    "hospital_outpatient": ("institutional", "0131", "19"),
    "snf_part_b": ("institutional", "0221", "31"),
}


@dataclass
class Line:
    """A priced claim line before it is filed."""

    cpt: str
    units: int
    allowed: float = 0.0


def price(lines: Sequence[Line], payer_kind: str) -> None:
    """Give each line its allowed amount: the unit with the highest practice expense in full, the others reduced."""
    billed = [line for line in lines if line.units > 0]
    if not billed:
        return
    first = max(billed, key=lambda line: PRICES[line.cpt][2])
    for line in billed:
        full, reduced, _ = PRICES[line.cpt]
        amount = reduced * line.units + (full - reduced if line is first else 0)
        line.allowed = round(amount * FACTORS[payer_kind], 2)


def charge(cpt: str, units: int) -> float:
    """The clinic's charge of a line."""
    return CHARGES.get(cpt, EVALUATION_CHARGE) * units


def paid(line: Line, charged: float, payer_kind: str, assisted: bool) -> tuple[float, float, str]:
    """Paid, patient's share, and adjustments that explain the rest of the charge."""
    if payer_kind == "self_pay":
        return 0.0, line.allowed, f"CO-45:{charged - line.allowed:.2f} PR-1:{line.allowed:.2f}"
    if payer_kind in ("medicare", "medicare_advantage"):
        share = round(line.allowed * 0.8, 2)
        coinsurance = round(line.allowed - share, 2)
        reduced = round(share * 0.85, 2) if assisted else share
        sequester = round(reduced * 0.02, 2)
        contractual = round(charged - line.allowed + share - reduced, 2)
        return (
            round(reduced - sequester, 2),
            coinsurance,
            f"CO-45:{contractual:.2f} PR-2:{coinsurance:.2f} CO-253:{sequester:.2f}",
        )
    copay = 0.0 if payer_kind in ("medicaid", "workers_comp", "auto") else round(line.allowed * 0.1, 2)
    adjustments = f"CO-45:{charged - line.allowed:.2f}" + (f" PR-3:{copay:.2f}" if copay else "")
    return round(line.allowed - copay, 2), copay, adjustments


DRAFT_DAYS, UNPAID_DAYS = 24, 46
"""A claim waits up to so many days for the batch that it goes out with, and so many for its remittance."""


def status_of(age: int) -> str:
    """How a claim stands so many days after its last visit."""
    return "ready" if age < DRAFT_DAYS else "submitted" if age < UNPAID_DAYS else "paid"


def submitted_on(rng: Random, day: date) -> date:
    """The day a claim goes out, some days after the last visit on it."""
    return next_open(day + timedelta(days=rng.randint(3, 7)))


def paid_on(rng: Random, submitted: date) -> date:
    """The day of the remittance."""
    return next_open(submitted + timedelta(days=rng.randint(14, 26)))

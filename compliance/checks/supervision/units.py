"""How many timed units minutes support: only what SUP-04 needs to price an aide's minutes."""

import narwhals as nw

TIMED = (
    "97032", "97033", "97034", "97035", "97036", "97110", "97112", "97113", "97116", "97124", "97129", "97130", "97140",
    "97530", "97533", "97535", "97537", "97542", "97750", "97755", "97760", "97761", "97763",
)  # fmt: skip
"""Codes of 15 minutes a unit. Medicare Claims Processing Manual ch.5 §20; CMS therapy code list."""

UNIT_MINUTES = 15
FIRST_UNIT = 8


def supported(minutes: nw.Expr) -> nw.Expr:
    """Units that minutes support: 8-22 one, 23-37 two, and so on (Claims Processing Manual ch.5 §20.2.C)."""
    return (minutes + (UNIT_MINUTES - FIRST_UNIT)) // UNIT_MINUTES

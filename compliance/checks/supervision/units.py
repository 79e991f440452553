"""How many timed units minutes support: only what SUP-04 needs to price an aide's minutes."""

import narwhals as nw

UNIT_MINUTES = 15
FIRST_UNIT = 8


def supported(minutes: nw.Expr) -> nw.Expr:
    """Units that minutes support: 8-22 one, 23-37 two, and so on (Claims Processing Manual ch.5 §20.2.C)."""
    return (minutes + (UNIT_MINUTES - FIRST_UNIT)) // UNIT_MINUTES

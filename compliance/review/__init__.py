"""What people decided about findings, kept: decisions, runs and the trail of both, in one database.

The database is loaded where it is asked for (`open_store`), not where a name of this package is.
"""

from typing import TYPE_CHECKING

from compliance.review.decisions import STATUSES, Decision, dismissals, lifted, standing
from compliance.review.errors import Conflict, ReviewError
from compliance.review.runs import Run

if TYPE_CHECKING:
    from compliance.review.store import Store

__all__ = [
    "STATUSES", "Conflict", "Decision", "ReviewError", "Run", "dismissals", "lifted", "open_store", "standing",
]  # fmt: skip


def open_store(url: str | None = None, new: bool = True) -> "Store":
    """The review data at an address (default: `store.default_url`), made where it is `new`. Raises ReviewError, one line."""
    from compliance.review.store import open_store as opened

    return opened(url, new)

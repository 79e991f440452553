"""What the pages and reports show, as Polars frames and plain sentences, a module a page or picture.

Pure: an audit and its filtered parts in, frames and sentences out. `compliance.risk` holds the statistics.
"""

from compliance.views import (
    behind,
    billing,
    causes,
    findings,
    narrowed,
    overview,
    payers,
    records,
    rules,
    severities,
    therapists,
    weeks,
    what_if,
    worklist,
)

__all__ = [
    "behind",
    "billing",
    "causes",
    "findings",
    "narrowed",
    "overview",
    "payers",
    "records",
    "rules",
    "severities",
    "therapists",
    "weeks",
    "what_if",
    "worklist",
]

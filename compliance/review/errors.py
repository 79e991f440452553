"""What can go wrong with the review data; apart, so that a command without any need not load a database."""


class ReviewError(RuntimeError):
    """The review data cannot be opened or written; one line says which and why."""


class Conflict(ReviewError):
    """Somebody else decided a finding in the meantime; nothing was written."""

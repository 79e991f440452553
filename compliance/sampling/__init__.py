"""Spot checks: a frame of units, a seeded draw, a worksheet, an estimate, and a bundle that anyone can run again.

`frame` says which units may be drawn, `sizes` how many, `draw` which; `worksheet` carries the auditor's answers, `estimates`
and `review` say what they come to, `agreement` where reviewers and the rules differ, `bundle` keeps and verifies it all,
`told` puts it into sentences. Pure functions over Polars frames and frozen dataclasses; dollars are whole cents inside.
"""


class SamplingError(ValueError):
    """A sample that cannot be drawn, read or estimated. Its message is one line: what, where, what would be right."""

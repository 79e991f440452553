"""A spot check as the command line draws it: the same criteria, sizes and seed, the same units."""

import shlex

from compliance.sampling.frame import Criteria
from compliance.sampling.sheets import dollars_text
from compliance.sampling.spot_check import Asked


def sample_command(place: str, criteria: Criteria, asked: Asked, output: str = "spot.zip") -> str:
    """`compliance sample my_records --payer MCR … --output spot.zip`, quoted for a shell."""
    words = ["compliance", "sample", place]
    if criteria.unit != "line":
        words += ["--unit", criteria.unit]
    for option, values in (
        ("--payer", criteria.payers), ("--therapist", criteria.therapists), ("--clinic", criteria.clinics),
        ("--code", criteria.codes), ("--from", (criteria.since,)), ("--to", (criteria.until,)),
    ):  # fmt: skip
        words += [word for value in values if value for word in (option, str(value))]
    if criteria.dollars != "paid":
        words += ["--dollars", criteria.dollars]
    words += [] if criteria.paid_only else ["--unpaid"]
    return shlex.join([*words, *_asked(asked), "--output", output])


def _asked(asked: Asked) -> list[str]:
    """The options of the plan and the draw."""
    words = [] if asked.purpose == "size" else ["--purpose", asked.purpose]
    words += [] if asked.size is None else ["--size", str(asked.size)]
    for option, share in (
        ("--rate", asked.rate), ("--precision", asked.precision), ("--confidence", asked.confidence),
    ):  # fmt: skip
        words += [] if share is None else [option, f"{100 * share:.10g}%"]
    words += ["--strata", asked.strata_by] if asked.strata_by else []
    words += [word for cut in asked.cuts for word in ("--cut", dollars_text(cut))]
    words += ["--allocation", asked.allocation] if asked.allocation != "proportional" else []
    return [*words, "--seed", str(asked.seed)]

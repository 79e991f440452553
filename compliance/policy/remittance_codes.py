"""What the codes of remittances mean for therapy, and which rules look for the cause: `remittance_codes.yaml`."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from pydantic import Field

from compliance.policy.models import Border
from compliance.strict_yaml import read_own


class Code(Border):
    """A reason (CARC) or remark (RARC): our own words for it, whether it is a denial, and the rules on its cause."""

    about: str
    denial: bool = True
    rules: tuple[str, ...] = ()


class RemittanceCodes(Border):
    """The file: its source, and the codes by their own names."""

    source: str
    verified: bool | str
    reasons: Mapping[str, Code] = Field(min_length=1)
    remarks: Mapping[str, Code]


@cache
def remittance_codes() -> RemittanceCodes:
    """The codes as the file has them."""
    return RemittanceCodes.model_validate(read_own(Path(__file__).parent / "remittance_codes.yaml"))


def not_denials() -> tuple[str, ...]:
    """Reasons that are part of the price or the patient's share."""
    return tuple(name for name, code in remittance_codes().reasons.items() if not code.denial)


def explained_by(carc: str, rarc: str | None = None) -> tuple[str, ...]:
    """The rules that look for the cause of a reason, first those that its remark names too; none where unmapped.

    `rarc` may hold several remarks, separated by spaces (`N115 M25`).
    """
    codes = remittance_codes()
    reason = codes.reasons[carc].rules if carc in codes.reasons else ()
    told = [codes.remarks[each].rules for each in (rarc or "").split() if each in codes.remarks]
    remarked = tuple(dict.fromkeys(rule for rules in told for rule in rules))
    if not reason:
        return remarked
    both = [rule for rule in remarked if rule in reason]
    return tuple(dict.fromkeys([*both, *reason]))


def meaning(carc: str) -> str:
    """What a reason says, in our own words."""
    known = remittance_codes().reasons.get(carc)
    return known.about if known else "a reason that is not in our list"

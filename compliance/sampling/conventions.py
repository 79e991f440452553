"""How payers and auditors extrapolate: which limits, at which confidence, from how many units. Data, with their sources."""

from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from compliance.strict_yaml import read_own

FILE = Path(__file__).with_name("conventions.yaml")


class _Sourced(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    says: str
    source: str
    verified: bool | str


class Limit(_Sourced):
    """A lower limit at which somebody asks for money back."""

    name: str
    used_by: str
    confidence: float
    sides: int


class LeastUnits(_Sourced):
    """A size below which somebody does not extrapolate."""

    units: int


class Conventions(BaseModel):
    """The file. `limits` are the two-sided and the one-sided convention, at one confidence; `least_units` ascend."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limits: tuple[Limit, ...]
    least_units: tuple[LeastUnits, ...]

    def limit(self, name: str) -> Limit:
        """The limit of that name."""
        return next(each for each in self.limits if each.name == name)

    @property
    def least(self) -> int:
        """The fewest units from which this program projects dollars."""
        return self.least_units[0].units


@cache
def conventions() -> Conventions:
    """The conventions as shipped."""
    return Conventions.model_validate(read_own(FILE))

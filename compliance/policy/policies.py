"""Looking values up: by policy, place and day, through the layers that a policy inherits."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import pairwise
from typing import get_args

from compliance.policy.code_tables import CodeTables
from compliance.policy.models import Parameter, PolicyError, Reference, Row, Value
from compliance.records.models import PayerKind
from compliance.strict_yaml import did_you_mean

BEGINNING = date.min
KINDS: tuple[str, ...] = get_args(PayerKind)


@dataclass(frozen=True)
class Layer:
    """One file's rows. A clinic's file on top of a built-in policy is a layer of its own with the file in its name."""

    name: str
    rows: Mapping[str, tuple[Row, ...]]

    def row(self, parameter: str, on: date, place: dict[str, str | None]) -> Row | None:
        """The narrowest row in force; ties were refused when the file was read."""
        standing = [r for r in self.rows.get(parameter, ()) if r.in_force(on) and r.matches(place)]
        return max(standing, key=lambda row: len(row.narrowing), default=None)


@dataclass(frozen=True)
class Policies:
    """Every loaded policy. `layers` holds, per policy id, its layers from the topmost down to the root.

    The topmost layer that says anything for the place and day wins, and within it the narrowest row: what a clinic
    or an heir says in general replaces what its base says in particular.
    """

    names: Mapping[str, str]
    layers: Mapping[str, tuple[Layer, ...]]
    parameters: Mapping[str, Parameter]
    references: Mapping[str, Reference]
    code_tables: CodeTables = field(default_factory=CodeTables)
    _edges: dict[tuple[str, str | None], list[date]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @property
    def policy_ids(self) -> tuple[str, ...]:
        """Ids of the policies, sorted."""
        return tuple(sorted(self.names))

    @property
    def fingerprint(self) -> str:
        """A hash of every value, layer and source; the same files give the same one."""
        told = [(policy, layer.name, name, row.model_dump_json())
                for policy in self.policy_ids for layer in self.layers[policy]
                for name in sorted(layer.rows) for row in layer.rows[name]]  # fmt: skip
        tables = [
            (edition.model_dump_json(), rows.hash_rows().to_list())
            for edition, rows in self.code_tables.editions
        ]
        return hashlib.sha256(repr((told, tables)).encode()).hexdigest()[:16]

    def heirs(self, policy: str, parameter: str) -> tuple[str, ...]:
        """The policies that take a parameter's value from `policy`: those that inherit from it and say nothing of their own."""
        own = self.layers[policy]
        return tuple(
            each
            for each, chain in self.layers.items()
            if each != policy
            and chain[-len(own) :] == own
            and not any(parameter in layer.rows for layer in chain[: -len(own)])
        )

    def parameter(self, name: str) -> Parameter:
        """The parameter's type, unit and sentence; PolicyError with a hint where nobody knows it."""
        if name not in self.parameters:
            raise PolicyError(
                f"No parameter {name!r}.{did_you_mean(name, self.parameters)} See parameters.yaml."
            )
        return self.parameters[name]

    def reference(self, source: str) -> Reference:
        """The source of that id; PolicyError with a hint where nobody knows it."""
        if source not in self.references:
            raise PolicyError(
                f"No reference {source!r}.{did_you_mean(source, self.references)} See references.yaml."
            )
        return self.references[source]

    def value(
        self,
        policy: str,
        parameter: str,
        on: date,
        setting: str | None = None,
        state: str | None = None,
        discipline: str | None = None,
        cpt: str | None = None,
    ) -> Value | None:
        """The value in force on the day, None where no row is. PolicyError for an unknown policy or parameter."""
        self.parameter(parameter)
        place = {"setting": setting, "state": state, "discipline": discipline, "cpt": cpt}
        for layer in self._layers(policy):
            row = layer.row(parameter, on, place)
            if row is not None:
                return _value(row, layer)
        return None

    def timeline(
        self,
        parameter: str,
        policy: str,
        setting: str | None = None,
        state: str | None = None,
        discipline: str | None = None,
        cpt: str | None = None,
    ) -> list[Value]:
        """Resolved intervals in order, not overlapping, with gaps where nothing is in force."""
        found: list[Value] = []
        for begins, ends in pairwise([*self.edges(parameter, policy), None]):
            assert begins is not None
            told = self.value(policy, parameter, begins, setting, state, discipline, cpt)
            if told is None:
                continue
            last = found[-1] if found else None
            if (
                last
                and last.valid_until == begins
                and replace(told, valid_from=last.valid_from, valid_until=last.valid_until) == last
            ):
                found[-1] = replace(last, valid_until=ends)
            else:
                found.append(replace(told, valid_from=begins, valid_until=ends))
        return found

    def variants(self, policy: str, parameter: str, on: date) -> list[tuple[str, Value | None]]:
        """The value everywhere and in each narrower place that has another: (words such as `setting x`, Value)."""
        self.parameter(parameter)
        places = [
            {},
            *(row.narrowing for layer in self._layers(policy) for row in layer.rows.get(parameter, ())),
        ]
        told: dict[str, Value | None] = {}
        for place in places:
            value = self.value(policy, parameter, on, **place)
            where = ", ".join(f"{key} {name}" for key, name in place.items())
            if not place or value != told[""]:
                told[where] = value
        return list(told.items())

    def edges(self, parameter: str, policy: str | None = None) -> list[date]:
        """Days on which the parameter can change (of every policy, or of one), sorted."""
        if (parameter, policy) not in self._edges:
            days = {row.valid_from for row in self._rows(parameter, policy)}
            days |= {row.valid_until for row in self._rows(parameter, policy) if row.valid_until}
            self._edges[parameter, policy] = sorted(days)
        return list(self._edges[parameter, policy])

    def states(self, parameter: str) -> list[str]:
        """States to which some row of the parameter is narrowed."""
        return sorted({row.state for row in self._rows(parameter) if row.state})

    def narrowing(self, parameter: str) -> frozenset[str]:
        """By what some row of the parameter is narrowed: of setting, state, discipline and cpt."""
        return frozenset(key for row in self._rows(parameter) for key in row.narrowing)

    def codes(self, parameter: str) -> list[str]:
        """Billing codes to which some row of the parameter is narrowed."""
        return sorted({row.cpt for row in self._rows(parameter) if row.cpt})

    def policy_of(self, kind: str | None, policy: str | None = None) -> str | None:
        """The policy that judges a payer: the one it names where loaded, else its kind's; None where unknown.

        A name that is not loaded gives None, not the kind's policy: the wrong rules would be worse than cannot tell.
        """
        chosen = policy or kind
        return chosen if chosen in self.names and chosen != "base" else None

    def hint(self, policy: str) -> str:
        """One line for a policy id that is not loaded."""
        return (
            f"No policy {policy!r}.{did_you_mean(policy, self.names)} Loaded: {', '.join(self.policy_ids)}."
        )

    def _layers(self, policy: str) -> tuple[Layer, ...]:
        if policy not in self.layers:
            raise PolicyError(self.hint(policy))
        return self.layers[policy]

    def _rows(self, parameter: str, policy: str | None = None) -> Iterator[Row]:
        chosen = self.layers.values() if policy is None else [self._layers(policy)]
        return (row for layers in chosen for layer in layers for row in layer.rows.get(parameter, ()))


def policy_of(payer_kind: str | None, payer_policy: str | None = None) -> str | None:
    """The policy id that a payer asks for: the one it names, else its kind where that is one of the contract's.

    Whether the id is loaded is `Policies.policy_of`'s to say.
    """
    return payer_policy or (payer_kind if payer_kind in KINDS else None)


def _value(row: Row, layer: Layer) -> Value:
    return Value(
        value=row.value, layer=layer.name, source=row.source, verified=row.why_unverified or True,
        valid_from=row.valid_from, valid_until=row.valid_until, note=row.note,
    )  # fmt: skip

"""What a report is about: an audit under filters, the records and policies behind it, and what people are called."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from typing import Any

import polars as pl

from compliance import formats, prebill, risk
from compliance.audit import Audit, Scope, unsubmitted
from compliance.names import Names, choices_from
from compliance.policy import Policies
from compliance.records.load import Records
from compliance.review.runs import Run, run_of
from compliance.review.worklist import cause_key
from compliance.views.narrowed import Narrowed, narrowed


@dataclass(frozen=True)
class Subject:
    """What a report is about.

    `peers` is the audit under the same filters but for the therapists: what one of them is compared with. `chosen` are
    the filters in words, none for the whole. `lifted` are ids of findings that reviewers dismissed or waived: they
    hold no claim. `marks` are the marked days of the review data: the first ends the baseline of the chart by week. `head`
    is number and hash of the last entry of its trail, which whoever keeps the report can hold the trail against. `unsent`
    claims wait to be billed whatever the filters.
    """

    view: Narrowed
    peers: Audit
    records: Records
    policies: Policies
    names: Names
    chosen: tuple[str, ...] = ()
    lifted: frozenset[str] = field(default_factory=frozenset)
    marks: tuple[tuple[date, str], ...] = ()
    head: tuple[int, str] | None = None
    unsent: int = 0

    @classmethod
    def of(
        cls,
        result: Audit,
        records: Records,
        policies: Policies,
        scope: Scope,
        *,
        hide_names: bool = False,
        lifted: frozenset[str] = frozenset(),
        dismissed: pl.DataFrame | None = None,
        marks: Sequence[tuple[date, str]] = (),
        head: tuple[int, str] | None = None,
    ) -> "Subject":
        """An audit of everything, of which the report tells what is in scope; `dismissed` (`review.dismissals`) is left out."""
        view = narrowed(result, scope.of, dismissed=dismissed)
        names = Names(choices_from(records.tables, {}), hide_names)
        told = [f"Payer: {names.payer(each)}" for each in scope.payers]
        if scope.since and scope.until:
            told.append(f"Service {formats.span(scope.since, scope.until)}")
        elif scope.since or scope.until:
            word = "from" if scope.since else "until"
            told.append(f"Service {word} {formats.day(scope.since or scope.until)}")
        unsent = prebill.unsent(result)
        return cls(
            view, view.audit, records, policies, names, tuple(told), lifted, tuple(marks), head, unsent
        )

    @property
    def audit(self) -> Audit:
        """The audit under the filters."""
        return self.view.audit

    @property
    def as_of(self) -> date:
        """The day on which overdue was judged: the only day that a report bears."""
        return self.audit.as_of

    @property
    def baseline_until(self) -> date | None:
        """The first marked day: the weeks before it are what later ones are read against."""
        return self.marks[0][0] if self.marks else None

    @cached_property
    def run(self) -> Run:
        """The run: the same id stands on the screen."""
        return run_of(self.audit, self.records, self.policies, "")

    @cached_property
    def figures(self) -> dict[str, Any]:
        """The figures of the overview's sentence."""
        return risk.summary(self.audit)

    @cached_property
    def waiting(self) -> Audit:
        """What was not billed yet of what the filters let through, with every finding that touches it.

        A claim is held whoever treated and whatever the rule: a filter narrows the claims, never what holds one of them.
        """
        whole = self.view.whole
        return unsubmitted(replace(self.audit, findings=whole.findings, waiting=whole.waiting))

    @cached_property
    def claims(self) -> list[dict[str, Any]]:
        """Each unsent claim, hold or release, as the page Before billing has it."""
        return prebill.pre_bill(self.waiting, self.lifted)

    @cached_property
    def fixes(self) -> pl.DataFrame:
        """What to fix before billing, blockers first; see `prebill.fixes`."""
        return prebill.fixes(self.waiting, cause_key(), self.lifted)

    def called(self, column: str, key: str | None) -> str:
        """What the id of a column (`therapist_id`) is called."""
        said = {"therapist_id": self.names.therapist, "patient_id": self.names.patient,
                "payer_id": self.names.payer, "clinic_id": self.names.clinic}  # fmt: skip
        return said[column](key)

    def names_of(self, keys: pl.Series) -> dict[str, str]:
        """Ids of a column, by its name, and what they are called."""
        return {key: self.called(keys.name, key) for key in keys.drop_nulls().unique().sort()}

    @property
    def trail(self) -> str:
        """`entry 12, hash 4f1c…` of the trail, whole; nothing without review data."""
        return f"entry {formats.count(self.head[0])}, hash {self.head[1]}" if self.head else ""

    def provenance(self) -> Mapping[str, str]:
        """What a reader needs to find these figures again: run, day, program, digests of records and policies."""
        return {
            "Run": self.run.run_id,
            "As of": formats.day(self.as_of),
            "Program": self.run.program,
            "Records": self.run.records[:16],
            "Policies": self.run.policies[:16],
        }

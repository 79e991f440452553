"""The printable report: its data as JSON, laid out by the template `report.typ`, as tagged PDF."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal

import typst

from compliance import formats
from compliance.reports import by_rule, coaching, director
from compliance.reports.pictures import FONTS
from compliance.reports.subject import Subject
from compliance.reports.words import all_printed

TEMPLATE = Path(__file__).parent / "report.typ"
Paper = Literal["letter", "a4"]


def content(
    subject: Subject, therapists: Sequence[str] | None = (), paper: Paper = "letter"
) -> dict[str, Any]:
    """Everything that the report says, as plain data. `therapists` get a page each (None: all)."""
    held = subject.names.choices
    span = formats.span(held.first, held.last) if held.first else "no dates of service"
    clinics = formats.plural(len(held.clinics), "clinic")
    return all_printed(
        {
            "paper": {"letter": "us-letter", "a4": "a4"}[paper],
            "context": f"{span} · {clinics} · as of {formats.day(subject.as_of)} · "
            f"{formats.refused(subject.records.report) or 'no row'} refused",
            "chosen": "Only: " + "; ".join(subject.chosen) if subject.chosen else "",
            "footer": " · ".join(f"{name} {value}" for name, value in subject.provenance().items()),
            "trail": subject.trail,
            "date": [subject.as_of.year, subject.as_of.month, subject.as_of.day],
            "director": director.page(subject),
            "by_rule": by_rule.page(subject),
            "coaching": coaching.pages(subject, therapists),
        }
    )


def pdf(subject: Subject, therapists: Sequence[str] | None = (), paper: Paper = "letter") -> bytes:
    """The report as PDF, tagged, with alternatives to its pictures. `therapists` get a page each (None: all)."""
    return typeset(content(subject, therapists, paper))


def typeset(data: dict[str, Any]) -> bytes:
    """The data of `content` as PDF."""
    year, month, day = data["date"]
    made = typst.compile(
        TEMPLATE,
        format="pdf",
        font_paths=fonts(),
        ignore_system_fonts=True,
        sys_inputs={"data": json.dumps(data, ensure_ascii=False)},
        timestamp=datetime(year, month, day, tzinfo=UTC),
        pdf_tags=True,
    )
    assert isinstance(made, bytes)
    return made


@cache
def fonts() -> typst.Fonts:
    """The fonts that pages are set in: those of the package, and those within typst for signs that they lack."""
    return typst.Fonts(include_system_fonts=False, font_paths=[FONTS])

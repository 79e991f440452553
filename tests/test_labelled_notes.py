"""How the rules judge notes whose findings two auditors agree on: the real audit, from records to findings."""

from collections.abc import Iterator
from datetime import date
from functools import cache

import polars as pl
import pytest

from compliance.audit import audit
from compliance.checks.rule import select
from compliance.notes import measure
from compliance.policy import load_policies
from compliance.records.load import Records, from_frames

RULES = ("DOC-01", "DOC-02", "DOC-03", "DOC-04", "DOC-05", "DOC-06")
AT_LEAST = 0.95
VISIT, BEGUN = "2026-03-04", "2026-03-02"


@cache
def labelled() -> list[dict]:
    return measure.labelled(measure.LABELLED)


def records() -> Records:
    """Each note as the one visit of a patient of its own: a plan with its goals, the note, and a paid 97530 line."""
    ids = [note["id"] for note in labelled()]
    plans = {"plan_id": ids, "patient_id": ids, "discipline": [note["discipline"] for note in labelled()]}
    return from_frames(
        {
            "clinics": pl.DataFrame({"clinic_id": ["CL1"], "setting": ["private_practice"]}),
            "payers": pl.DataFrame({"payer_id": ["B"], "kind": ["medicare"]}),
            "patients": pl.DataFrame({"patient_id": ids}),
            "plans_of_care": pl.DataFrame(plans).with_columns(starts_on=pl.lit(BEGUN)),
            "goals": pl.DataFrame(list(goals())),
            "notes": pl.DataFrame(plans).with_columns(
                note_id="plan_id", kind=pl.lit("treatment"), service_date=pl.lit(VISIT), clinic_id=pl.lit("CL1"),
                text=pl.Series([note["text"] for note in labelled()]),
            ),
            "claims": pl.DataFrame({"claim_id": ids, "patient_id": ids}).with_columns(
                payer_id=pl.lit("B"), clinic_id=pl.lit("CL1"), status=pl.lit("paid")
            ),
            "claim_lines": pl.DataFrame({"claim_id": ids, "note_id": ids}).with_columns(
                line=pl.lit("1"), service_date=pl.lit(VISIT), cpt=pl.lit("97530"), charge=pl.lit("100")
            ),
        }
    )  # fmt: skip


def goals() -> Iterator[dict[str, str | None]]:
    """The goals as they stood at the visit: what is met or discontinued in the file was so by then."""
    for note in labelled():
        for number, goal in enumerate(note["goals"]):
            closed = None if goal["status"] == "open" else BEGUN
            yield {"goal_id": f"{note['id']}/{number}", "plan_id": note["id"], "status_on": closed, **goal}


@cache
def judged() -> dict[str, set[str]]:
    """The rules that each note breaks; a weak response, which is worth knowing only, breaks none."""
    found = audit(records(), load_policies(), date(2026, 3, 31), select(list(RULES))).findings
    broken: dict[str, set[str]] = {note["id"]: set() for note in labelled()}
    for note_id, rule in found.filter(pl.col("severity") != "info").select("note_id", "rule").iter_rows():
        broken[note_id].add(rule)
    return broken


@pytest.mark.parametrize("rule", RULES)
def test_the_rules_find_what_auditors_agree_on(rule: str) -> None:
    wanted = [note["id"] for note in labelled() if rule in note["must"]]
    missed = [note_id for note_id in wanted if rule not in judged()[note_id]]
    assert len(missed) <= (1 - AT_LEAST) * len(wanted), f"missed: {', '.join(missed)}"


@pytest.mark.parametrize("rule", RULES)
def test_the_rules_are_silent_where_a_finding_would_be_wrong(rule: str) -> None:
    fine = [note["id"] for note in labelled() if rule in note["must_not"]]
    wrong = [note_id for note_id in fine if rule in judged()[note_id]]
    assert len(wrong) <= (1 - AT_LEAST) * len(fine), f"wrongly found: {', '.join(wrong)}"


def test_the_measure_of_reading_gives_the_verdicts_of_the_rules() -> None:
    differ = {
        note_id: (sorted(rules), sorted(judged()[note_id]))
        for note_id, rules in measure.found(labelled()).items()
        if rules != judged()[note_id]
    }
    assert not differ


def test_more_notes_in_other_hands_are_read_as_well() -> None:
    """Notes in other hands, learnt after they were met: a change of a lexicon is not to lose what they taught."""
    notes = measure.labelled(measure.LABELLED.with_name("more_notes.jsonl"))
    missed, wrong = measure.errors(notes)
    wanted = sum(len(note["must"]) for note in notes)
    forbidden = sum(len(note["must_not"]) for note in notes)
    assert len(missed) <= (1 - AT_LEAST) * wanted, f"missed: {missed}"
    assert len(wrong) <= 0.01 * forbidden, f"wrongly found: {wrong}"

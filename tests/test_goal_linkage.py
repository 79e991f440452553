"""DOC-01 to DOC-09 together: quotes of the words of notes, one fault of content a note."""

import json
from datetime import date
from functools import cache

import polars as pl

from compliance.audit import Audit, audit
from compliance.checks.cases import read_cases, table
from compliance.checks.rule import select
from compliance.policy import load_policies
from compliance.records.load import Records, from_frames

AS_OF = date(2026, 6, 30)
SHARED = ("therapists", "clinics", "payers")
KEYS = ("note_id", "claim_id", "patient_id", "plan_id", "goal_id", "amends_note_id")
CODES = [f"DOC-0{number}" for number in range(1, 10)]


@cache
def clinic() -> dict[str, pl.DataFrame]:
    """The patients of every third case of these rules in one clinic, each case's keys with its number before them."""
    parts: dict[str, list[pl.DataFrame]] = {}
    number = 0
    for rule in select(["DOC"]):
        for case in read_cases(rule.cases)[::3]:
            if case.payer != "medicare" or {"setting", "without"} & set(case.said):
                continue
            number += 1
            for name, rows in case.records().tables.items():
                if name in SHARED and number > 1:
                    continue
                before = pl.lit(f"{number:03d}-")
                own = [key for key in KEYS if key in rows.columns]
                parts.setdefault(name, []).append(
                    rows.with_columns(pl.concat_str(before, key).alias(key) for key in own)
                )
    return {name: pl.concat(tables) for name, tables in parts.items()}


def records(tables: dict[str, pl.DataFrame]) -> Records:
    return from_frames({name: rows for name, rows in tables.items() if not rows.is_empty()})


def audited(tables: dict[str, pl.DataFrame]) -> Audit:
    return audit(records(tables), load_policies(), AS_OF, select(["DOC"]))


@cache
def on_polars() -> Audit:
    return audited(clinic())


def test_the_cases_give_findings_of_every_rule() -> None:
    assert on_polars().findings["rule"].unique().sort().to_list() == CODES


def test_the_order_of_rows_changes_nothing() -> None:
    shuffled = {name: rows.sample(fraction=1, shuffle=True, seed=7) for name, rows in clinic().items()}
    assert audited(shuffled).findings["finding_id"].sort().equals(on_polars().findings["finding_id"].sort())


def test_a_finding_without_a_link_quotes_the_label_and_tells_what_was_searched() -> None:
    tables = {
        "patients": "patient_id\nP1",
        "clinics": "clinic_id | setting\nCL1 | private_practice",
        "payers": "payer_id | kind\nPAYER | medicare",
        "plans_of_care": "plan_id | patient_id | discipline | starts_on\nP1 | P1 | PT | 2026-03-02",
        "goals": "goal_id | plan_id | label | text | status\nG1 | P1 | LTG1 | Climb 12 stairs in 8 weeks | open",
        "notes": "note_id | patient_id | discipline | kind | service_date | text\n"
        "N1 | P1 | PT | treatment | 2026-03-04 | Floor transfer training per LTG9",
        "claims": "claim_id | patient_id | payer_id | clinic_id\nC1 | P1 | PAYER | CL1",
        "claim_lines": "claim_id | line | service_date | cpt | charge\nC1 | 1 | 2026-03-04 | 97530 | 100",
    }
    found = audited({name: table(text) for name, text in tables.items()}).findings
    evidence = json.loads(found.filter(pl.col("rule") == "DOC-01")["evidence"][0])
    quote = evidence["quotes"][0]
    assert (quote["note_id"], quote["text"]) == (
        "N1",
        "Floor transfer training per LTG9"[quote["start"] : quote["end"]],
    )
    assert quote["text"] == "LTG9"
    assert "LTG1" in evidence["facts"]["searched"]
    assert evidence["parameters"]["documentation_elements"]["source"]


def test_a_note_has_at_most_one_fault_of_content() -> None:
    content = on_polars().findings.filter(pl.col("rule").is_in(["DOC-03", "DOC-04", "DOC-05"]))
    assert content["note_id"].is_unique().all()


def test_documentation_weaknesses_put_no_dollars_at_risk() -> None:
    found = on_polars().findings
    assert found.filter(pl.col("severity").is_in(["low", "info"]))["amount_at_risk"].sum() == 0
    assert found.filter(pl.col("rule").is_in(["DOC-01", "DOC-08"]))["amount_at_risk"].sum() == 0

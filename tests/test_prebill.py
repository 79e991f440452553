"""Before billing: what the page says is what `check --unsubmitted` says, and what a fix releases is what re-judging gives."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from compliance.audit import VISIT, Audit, Scope, audit, unsubmitted
from compliance.checks.rule import select
from compliance.policy import load_policies
from compliance.prebill import fixes, pre_bill, released_by, released_untold, sheet
from compliance.records.load import Records, load
from compliance.review.worklist import cause_key
from compliance.views.billing import sentence as billing_sentence

pytestmark = pytest.mark.xdist_group("prebill")  # one worker audits the sample

AS_OF = date(2026, 7, 1)


RULES = ["PR", "DOC-05", "INT-10", "POC-02", "POC-03"]


@pytest.fixture(scope="module")
def records() -> Records:
    return load(Path(__file__).parent.parent / "sample_data")


@pytest.fixture(scope="module")
def waiting(records: Records) -> Audit:
    return unsubmitted(audit(records, load_policies(), AS_OF, select(RULES)))


def test_a_whole_audit_narrowed_is_the_audit_of_what_is_unsubmitted(records: Records, waiting: Audit) -> None:
    scoped = audit(records, load_policies(), AS_OF, select(RULES), scope=Scope(unsubmitted=True))
    assert scoped.findings.height > 0
    assert waiting.findings.equals(scoped.findings)
    key = ["claim_id", "line"]
    assert waiting.lines.sort(key).equals(scoped.lines.sort(key))
    assert pre_bill(waiting) == pre_bill(scoped)


def test_blockers_come_first_and_the_fix_of_everything_releases_everything_held(waiting: Audit) -> None:
    told = fixes(waiting, cause_key())
    assert told.height > 1 and told["severity"].to_list() == sorted(
        told["severity"], key=["high", "medium"].index
    )
    held = [row for row in pre_bill(waiting) if row["decision"] == "hold"]
    every = [each for ids in told["ids"] for each in ids]
    claims, dollars = released_by(waiting, every)
    assert claims == len(held) and dollars == pytest.approx(sum(row["amount"] for row in held))
    assert float(told["released"].sum()) <= dollars + 0.01


def test_what_a_fix_says_it_releases_is_what_is_released_without_its_findings(waiting: Audit) -> None:
    for row in fixes(waiting, cause_key()).head(8).iter_rows(named=True):
        assert released_by(waiting, row["ids"])[1] == pytest.approx(row["released"], abs=0.01)


def test_a_finding_that_a_reviewer_lifted_holds_no_claim(waiting: Audit) -> None:
    every = frozenset(waiting.findings["finding_id"])
    assert {row["decision"] for row in pre_bill(waiting, every)} == {"release"}
    assert fixes(waiting, cause_key(), every).is_empty()


def test_the_sheet_for_the_billing_system_names_rules_and_fixes(waiting: Audit) -> None:
    claims = pre_bill(waiting)
    told = sheet(claims, waiting)
    assert told.height == len(claims)
    held = told.filter(pl.col("decision") == "hold")
    assert held["rules"].null_count() == 0 and held["fixes"].null_count() == 0
    assert told.filter(pl.col("decision") == "release")["rules"].null_count() == told.height - held.height


def test_a_released_claim_that_was_not_checked_in_full_says_so(records: Records) -> None:
    waiting = unsubmitted(audit(records, load_policies(), AS_OF, select(["SUP", "PR"])))
    claims = pre_bill(waiting)
    unknown = waiting.visits.filter(pl.col("cannot_tell")).select(VISIT)
    named = set(waiting.lines.join(unknown, on=VISIT, how="semi")["claim_id"])
    assert {claim["claim_id"] for claim in claims if claim["cannot_tell"]} == named
    released = [claim for claim in claims if claim["decision"] == "release"]
    partly = sum(claim["claim_id"] in named for claim in released)
    assert 0 < partly == released_untold(claims) < len(claims)
    said = billing_sentence(claims, fixes(waiting, cause_key()), (0, 0.0), 7)
    assert f"release {len(released)}, {partly} of them not checked in full." in said
    assert sheet(claims, waiting)["cannot_tell"].sum() == len(named)

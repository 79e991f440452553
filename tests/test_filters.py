"""The shared filters: what a URL asks for, what of it the records hold, and which rows it lets through."""

from datetime import date, datetime

import polars as pl
import pytest

from compliance.names import Choices, Names, choices_from
from ui.filters import Filters, read

CHOICES = Choices(
    clinics={"C1": "Elm Street"},
    payers={"MED": "Medicare", "BCBS": "Blue Cross"},
    therapists={"T2": "Ana Alvarez", "T1": "Ben Brook"},
    patients={"P9": "P9"},
    rules={"PR-01": "Progress report overdue", "SUP-01": "…", "SUP-02": "…"},
)
FINDINGS = pl.DataFrame(
    {
        "rule": ["PR-01", "SUP-01", "SUP-02"],
        "severity": ["medium", "high", "low"],
        "service_date": [datetime(2026, 3, 1), datetime(2026, 3, 31, 23), datetime(2026, 4, 1)],
        "therapist_id": ["T1", "T2", "T2"],
        "payer_id": ["MED", None, "BCBS"],
    }
)


def rules_kept(**chosen) -> list[str]:
    return Filters(**chosen).apply(FINDINGS)["rule"].to_list()


def test_an_empty_url_asks_for_everything():
    assert read({}, CHOICES) == (Filters(), [])
    assert not Filters().active


def test_a_url_is_read_and_written_back_the_same():
    held = {"from": "2026-01-01", "payer": "MED,BCBS", "severity": "high", "hide_names": "true",
            "count_dismissed": "true"}  # fmt: skip
    filters, ignored = read(held, CHOICES)
    assert not ignored
    assert filters == Filters(
        date(2026, 1, 1),
        None,
        payers=("MED", "BCBS"),
        severities=("high",),
        hide_names=True,
        count_dismissed=True,
    )
    assert filters.query() == held


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("from", "2026-02-30"),
        ("from", "yesterday"),
        ("to", "0001-01-01"),
        ("therapist", "T404"),
        ("discipline", "DC"),
        ("severity", "' OR 1=1"),
        ("rule", "S"),
    ],
)
def test_what_the_records_do_not_hold_is_ignored_and_said(key, text):
    filters, ignored = read({key: text}, CHOICES)
    assert filters == Filters()
    assert len(ignored) == 1 and text in ignored[0]


def test_known_values_beside_unknown_ones_are_kept():
    filters, ignored = read({"therapist": "T1, T404,T1"}, CHOICES)
    assert filters.therapists == ("T1",)
    assert len(ignored) == 1


def test_a_prefix_stands_for_its_family():
    assert read({"rule": "SUP"}, CHOICES)[0].rules == ("SUP-01", "SUP-02")


def test_dates_the_wrong_way_round_are_said():
    _, ignored = read({"from": "2026-05-01", "to": "2026-04-01"}, CHOICES)
    assert "after" in ignored[0]


def test_both_ends_of_the_dates_are_included_whatever_the_hour():
    assert rules_kept(since=date(2026, 3, 1), until=date(2026, 3, 31)) == ["PR-01", "SUP-01"]


def test_a_row_without_a_payer_shows_under_every_payer():
    assert rules_kept(payers=("MED",)) == ["PR-01", "SUP-01"]


def test_filters_act_together():
    assert rules_kept(therapists=("T2",), severities=("high", "medium")) == ["SUP-01"]


def test_a_filter_without_its_column_does_not_act():
    days = pl.DataFrame({"therapist_id": ["T1"]})
    assert Filters(clinics=("C1",), since=date(2026, 1, 1)).apply(days).height == 1


def test_hidden_names_are_numbers_that_do_not_hang_on_the_names():
    shown, hidden = Names(CHOICES), Names(CHOICES, hidden=True)
    assert shown.therapist("T2") == "Ana Alvarez"
    assert [hidden.therapist(each) for each in ("T1", "T2")] == ["Therapist 1", "Therapist 2"]
    assert hidden.patient("P9") == "Patient 1"
    assert "P404" not in hidden.patient("P404")
    assert hidden.clinic("C1") == "Elm Street"


def test_whom_only_claims_name_can_be_chosen_by_id():
    def table(**columns: list[str]) -> pl.DataFrame:
        return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))

    when = pl.Series("service_date", [datetime(2026, 3, 1)])
    people = {"therapist_id": ["T1"], "clinic_id": ["C1"], "patient_id": ["P1"]}
    tables = {
        "claim_lines": table(therapist_id=["1999999984"]).with_columns(when),
        "notes": table(**people).with_columns(when),
        "claims": table(clinic_id=["C1"], patient_id=["P1"], payer_id=["MED"]),
        "clinics": table(clinic_id=[], name=[]),
        "payers": table(payer_id=["MED"], name=["Medicare"]),
        "therapists": table(therapist_id=["T1"], name=["Zoe"]),
        "patients": table(patient_id=[], name=[]),
    }
    offered = choices_from(tables, {"PR-01": "…"})
    assert dict(offered.therapists) == {"1999999984": "1999999984", "T1": "Zoe"}
    assert dict(offered.clinics) == {"C1": "C1"}
    assert (offered.first, offered.last) == (date(2026, 3, 1), date(2026, 3, 1))


PEOPLE = Choices(
    therapists={"T0014": "Walter Xiong", "T2": "O'Neil, Anne-Marie", "T3": "Will Walker"},
    patients={
        "P00002": "Gloria Sutherland", "P4": "José (Pepe) Núñez Jr.", "P5": "Bo Li", "P6": "May Reyes", "17": "Person 17",
        "P7": "Ana Cruz", "P8": "Ana Diaz", "P9": "", "P-10": "-",
    },
)  # fmt: skip


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("SUTHERLAND, GLORIA", "Patient 3"),
        ("gloria walked", "Patient 3 walked"),
        ("Gloria  Sutherland, Gloria\nSutherland", "Patient 3"),
        ("G. Sutherland’s chair", "Patient 3’s chair"),
        ("José (Pepe) Núñez Jr. said", "Patient 4. said"),
        ("Nunez walks; JOSE NUN\u0303EZ rests", "Patient 4 walks; Patient 4 rests"),
        ("Anne-Marie O’Neil, o'neil and ONeil", "Therapist 2 and Therapist 2"),
        ("Xiong_PTA", "Therapist 1_PTA"),
        ("p00002 and t0014, P-10", "Patient 3 and Therapist 1, Patient 2"),
        ("Bo Li said Bo li", "Patient 5 said Patient 5"),
        ("Ana said; Ana Cruz", "a listed person said; Patient 7"),
        ("Person 17 on day 17", "Patient 1 on day 17"),
        ("The person will use a walker on May 12", "The person will use a walker on May 12"),
        ("Will and Walker saw May", "Therapist 3 and Therapist 3 saw Patient 6"),
        ("a b c, Xiongs, P000021", "a b c, Xiongs, P000021"),
    ],
)
def test_names_are_hidden_however_a_note_spells_them(written, shown):
    assert Names(PEOPLE, hidden=True).masked(written) == shown
    assert Names(PEOPLE).masked(written) == written


def test_the_days_before_are_as_many():
    march = Filters(since=date(2026, 3, 1), until=date(2026, 3, 31), payers=("MED",))
    earlier = march.before(date(2026, 1, 1), date(2026, 6, 30))
    assert earlier == Filters(since=date(2026, 1, 29), until=date(2026, 2, 28), payers=("MED",))
    open_end = Filters(since=date(2026, 6, 1)).before(date(2026, 1, 1), date(2026, 6, 30))
    assert open_end == Filters(since=date(2026, 5, 2), until=date(2026, 5, 31))
    assert Filters().before(date(2026, 1, 1), date(2026, 6, 30)) is None
    backwards = Filters(since=date(2026, 3, 31), until=date(2026, 3, 1))
    assert backwards.before(date(2026, 1, 1), date(2026, 6, 30)) is None

"""Synthetic clinics: the same bytes for a seed, records that hold together, and nothing wrong but what was planted."""

from collections import Counter
from datetime import date, timedelta

import polars as pl
import pytest

from compliance.checks.rule import catalogue
from compliance.synth import write
from compliance.synth.calendar import is_open
from compliance.synth.episodes import UNTIMED
from compliance.synth.staff import VOICES
from compliance.synth.tables import COLUMNS

PATIENTS, SEED = 120, 7
RULES = sorted(catalogue())
SELDOM = {"FRQ-05", "FRQ-06"}
"""Rules that few payers have: so small a clinic gives one occasion to break them."""
SPOILT_EPISODE = ("PR-01", "PR-02", "PR-03", "PR-04", "PR-05", "SUP-06", "DOC-08")


@pytest.fixture(scope="module")
def clinics(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clinics")
    write(folder, PATIENTS, SEED)
    return folder


@pytest.fixture(scope="module")
def tables(clinics):
    return {file.stem: pl.read_csv(file, infer_schema=False) for file in sorted(clinics.glob("*.csv"))}


@pytest.fixture(scope="module")
def visits(tables):
    """Notes of treatment, and who gave it."""
    return tables["notes"].filter(pl.col("note_id").is_in(tables["interventions"]["note_id"].to_list()))


@pytest.fixture(scope="module")
def spoilt(tables):
    """Keys of what a rule's truth names: `spoilt("note_id", "INT-02")`; without a rule, of what any names."""

    def keys(column: str, *rules: str) -> set[str]:
        named = tables["truth"].filter(pl.col("rule").is_in(list(rules) or RULES))
        return set(named[column].drop_nulls())

    return keys


@pytest.fixture(scope="module")
def spoilt_days(tables, spoilt):
    """Patient and day of notes and lines in whose rows something was planted after the notes were written."""
    rules = [rule for rule in RULES if not rule.startswith(("PR", "SUP", "DOC"))]
    named = tables["notes"].filter(pl.col("note_id").is_in(list(spoilt("note_id", *rules))))
    lines = (
        tables["truth"]
        .filter(pl.col("rule").is_in(rules))
        .join(tables["claim_lines"], on=["claim_id", "line"])
    )
    return {row for table in (named, lines) for row in table.select("patient_id", "service_date").iter_rows()}


@pytest.fixture(scope="module")
def sound(visits, spoilt_days):
    """Visits in whose rows nothing was planted after the notes were written."""
    days = [row in spoilt_days for row in visits.select("patient_id", "service_date").iter_rows()]
    return visits.filter(~pl.Series(days, dtype=pl.Boolean))


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        write(tmp_path / name, 15, 3)
    write(tmp_path / "other", 15, 4)
    files = sorted(file.name for file in (tmp_path / "one").iterdir())
    assert files == sorted(file.name for file in (tmp_path / "two").iterdir())
    assert all(
        (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes() for name in files
    )
    assert (tmp_path / "one" / "notes.csv").read_bytes() != (tmp_path / "other" / "notes.csv").read_bytes()


def test_writing_again_replaces_what_was_there(tmp_path):
    write(tmp_path, 20, 3)
    first = (tmp_path / "notes.csv").read_bytes()
    write(tmp_path, 20, 3)
    assert (tmp_path / "notes.csv").read_bytes() == first


def test_parquet_holds_the_same_records(tmp_path):
    write(tmp_path / "csv", 15, 3)
    write(tmp_path / "parquet", 15, 3, format="parquet")
    for table in ("notes", "claim_lines", "patients"):
        lines = pl.read_csv(tmp_path / "csv" / f"{table}.csv", infer_schema=False)
        columns = pl.read_parquet(tmp_path / "parquet" / table / "*.parquet")
        assert lines.equals(columns)


def test_more_patients_get_more_sites(tmp_path):
    summary = write(tmp_path, 260, 3)
    assert summary.rows["clinics"] == 6
    assert summary.rows["patients"] == 260


def test_an_impossible_order_is_refused(tmp_path):
    with pytest.raises(ValueError, match="patients must be at least 1"):
        write(tmp_path, 0, 1)


def test_the_product_reads_every_row(clinics):
    from compliance.records.load import load

    records = load(clinics)
    assert not records.report.refusals
    assert {"goal_measures", "enrolments"} <= records.absent_tables


def test_columns_are_those_of_the_contract():
    from compliance.records.models import schema

    unknown = {
        f"{table}.{column}"
        for table, columns in COLUMNS.items()
        if table != "truth"
        for column in columns
        if column not in schema(table)
    }
    assert not unknown


@pytest.mark.parametrize(
    ("table", "column", "holder"),
    [
        ("notes", "patient_id", "patients"),
        ("notes", "plan_id", "plans_of_care"),
        ("notes", "therapist_id", "therapists"),
        ("notes", "supervisor_id", "therapists"),
        ("goals", "plan_id", "plans_of_care"),
        ("interventions", "note_id", "notes"),
        ("claim_lines", "claim_id", "claims"),
        ("claim_lines", "note_id", "notes"),
        ("claims", "authorization_id", "authorizations"),
        ("shifts", "therapist_id", "therapists"),
        ("truth", "note_id", "notes"),
        ("truth", "goal_id", "goals"),
        ("truth", "plan_id", "plans_of_care"),
        ("truth", "claim_id", "claims"),
    ],
)
def test_what_a_row_refers_to_exists(tables, table, column, holder):
    key = {"goals": "goal_id"}.get(holder, COLUMNS[holder][0])
    named = set(tables[table][column].drop_nulls())
    assert named <= set(tables[holder][key])


def test_every_kind_of_payer_setting_and_voice_occurs(tables):
    assert tables["payers"].height == 8
    assert set(tables["claims"]["payer_id"]) == set(tables["payers"]["payer_id"])
    assert set(tables["clinics"]["setting"]) == {"private_practice", "hospital_outpatient", "snf_part_b"}
    assert set(tables["therapists"]["role"]) == {"therapist", "assistant", "student", "aide"}
    assert len(VOICES) >= 6


def test_notes_are_not_copies(visits, spoilt):
    own = visits.filter(~pl.col("note_id").is_in(list(spoilt("note_id", "INT-02", "INT-12"))))
    assert own["text"].n_unique() == own.height


def test_treatment_falls_on_open_days(visits):
    days = {date.fromisoformat(day) for day in visits["service_date"]}
    assert all(is_open(day) for day in days)


def test_nobody_treats_two_patients_at_once(sound):
    timed = sound.filter(pl.col("started_at").is_not_null()).sort("therapist_id", "started_at")
    follows = timed.with_columns(
        before=pl.col("ended_at").shift(1).over("therapist_id"), led=pl.col("supervision").is_in(["in_room"])
    )
    assert follows.filter(pl.col("before") > pl.col("started_at")).is_empty()


def test_units_fit_the_documented_minutes(tables, spoilt_days):
    from compliance.synth.episodes import units

    monitoring = pl.col("cpt").str.starts_with("98")
    lines = tables["claim_lines"].filter(~monitoring).select("claim_id", "service_date", "cpt", "units")
    notes = tables["notes"].select("note_id", "patient_id", "service_date", "discipline")
    claims = tables["claims"].select("claim_id", "patient_id")
    billed = (
        lines.join(claims, on="claim_id")
        .group_by("patient_id", "service_date", "cpt")
        .agg(pl.col("units").cast(pl.Int64).sum())
    )
    sold = {row[:3]: row[3] for row in billed.iter_rows()}
    sessions: dict = {}
    for row in tables["interventions"].join(notes, on="note_id").iter_rows(named=True):
        if (row["patient_id"], row["service_date"]) in spoilt_days:
            continue
        sessions.setdefault((row["patient_id"], row["service_date"], row["note_id"]), {})[row["cpt"]] = int(
            row["minutes"]
        )
    supported: Counter = Counter()
    for (patient, day, _), minutes in sessions.items():
        for code, count in units(minutes).items():
            supported[patient, day, code] += count
    assert {key: count for key, count in supported.items() if count} == {
        key: count for key, count in sold.items() if key[:2] not in spoilt_days
    }


def test_minutes_of_a_note_are_those_of_its_interventions(tables, sound):
    spent = (
        tables["interventions"]
        .group_by("note_id")
        .agg(
            total=pl.col("minutes").cast(pl.Int64).sum(),
            timed=pl.col("minutes").cast(pl.Int64).filter(~pl.col("cpt").is_in(list(UNTIMED))).sum(),
        )
    )
    both = sound.join(spent, on="note_id")
    assert both.height == sound.height
    assert both.filter(
        (pl.col("total") != pl.col("total_minutes").cast(pl.Int64))
        | (pl.col("timed") != pl.col("timed_minutes").cast(pl.Int64))
    ).is_empty()


def test_remittances_explain_the_whole_charge(tables):
    lines = tables["claim_lines"].select("claim_id", "line", "charge")
    for row in tables["remittances"].join(lines, on=["claim_id", "line"]).iter_rows(named=True):
        adjusted = sum(float(part.split(":")[1]) for part in row["adjustments"].split())
        assert float(row["charge"]) == pytest.approx(float(row["paid"]) + adjusted, abs=0.011)


def test_assistants_have_a_supervisor_of_their_discipline_at_work(tables, visits):
    people = tables["therapists"]
    spoilt = set(tables["truth"].filter(pl.col("rule").is_in(["SUP-01", "SUP-06", "SUP-07"]))["note_id"])
    assisted = (
        visits.join(people.select("therapist_id", "role"), on="therapist_id")
        .filter((pl.col("role") == "assistant") & ~pl.col("note_id").is_in(list(spoilt)))
        .join(
            people.select(
                supervisor_id="therapist_id", supervisor_role="role", supervisor_discipline="discipline"
            ),
            on="supervisor_id",
            how="left",
        )
    )
    assert not assisted.is_empty()
    assert (assisted["supervisor_role"] == "therapist").all()
    assert (assisted["supervisor_discipline"] == assisted["discipline"]).all()
    shifts = tables["shifts"].filter(pl.col("kind") == "clocked")
    on_site = assisted.join(shifts, left_on="supervisor_id", right_on="therapist_id", suffix="_shift").filter(
        (
            pl.col("starts_at_shift" if "starts_at_shift" in assisted.columns else "starts_at")
            <= pl.col("started_at")
        )
        & (pl.col("ends_at") >= pl.col("ended_at"))
    )
    clocked = assisted.filter(pl.col("started_at").is_not_null())
    assert set(clocked["note_id"]) <= set(on_site["note_id"])


def test_unspoilt_episodes_report_in_time(tables, visits):
    spoilt = set(tables["truth"].filter(pl.col("rule").is_in(SPOILT_EPISODE))["patient_id"])
    reports = tables["notes"].filter(pl.col("period_to").is_not_null())
    for (patient, discipline), days in visits.group_by("patient_id", "discipline"):
        if patient in spoilt:
            continue
        treated = sorted(set(days["service_date"]))
        own = reports.filter((pl.col("patient_id") == patient) & (pl.col("discipline") == discipline)).sort(
            "period_to"
        )
        ends = own["period_to"].to_list()
        assert ends, "a discharge note closes every episode"
        assert ends[-1] == treated[-1]
        first = 0
        for end, written in own.select("period_to", "written_at").iter_rows():
            last = treated.index(end)
            assert last - first < 10
            assert date.fromisoformat(treated[last]) - date.fromisoformat(treated[first]) < timedelta(days=30)
            assert date.fromisoformat(written[:10]) - date.fromisoformat(end) <= timedelta(days=7)
            first = last + 1


def test_every_rule_is_planted_and_says_why(tables):
    certain = tables["truth"].filter(pl.col("debatable") == "false")
    planted = Counter(certain["rule"])
    seldom = {rule for rule in RULES if planted[rule] < (1 if rule in SELDOM else 2)}
    assert not seldom, (
        "not planted twice: write a fault of each in compliance/synth (CONTRIBUTING, Add a rule, step 3)"
    )
    assert certain["why"].null_count() == 0
    keys = pl.any_horizontal(pl.col("claim_id", "note_id", "plan_id", "goal_id").is_not_null())
    assert certain.filter(~keys).is_empty()


def test_the_sample_data_is_what_the_command_writes(tmp_path):
    from tests.test_house import ROOT

    write(tmp_path, 200, 7)
    for file in sorted(tmp_path.iterdir()):
        assert file.read_bytes() == (ROOT / "sample_data" / file.name).read_bytes(), (
            f"{file.name} differs: run `compliance synth sample_data --patients 200 --seed 7`"
        )
    assert sum(file.stat().st_size for file in (ROOT / "sample_data").iterdir()) < 6_000_000

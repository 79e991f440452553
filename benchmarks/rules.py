"""Every rule against five checks written by hand: `make bench-rules`, or `python -m benchmarks.rules LINES`.

The five are the ones that the choice of engine was measured by: the progress interval, the 8-minute rule, code pairs,
supervision as of a dated policy, and goal linkage by pattern over the notes, each in plain Polars on the same frames in the
same run. The ratio says how much dearer a rule of the rule book is than such a check: all rules / (five × rules / 5). The
floor is the ratio of rules that ask nothing of the lines: what three answers, who and when, and coverage cost by themselves.
"""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime

import narwhals as nw
import polars as pl

from benchmarks.spine import AS_OF, timed
from compliance.audit import Audit, audit
from compliance.checks.rule import Rule, catalogue
from compliance.checks.terms import judge
from compliance.policy import Policies, load_policies
from compliance.records.load import Records, from_frames

LINES = 1_000_000
COPIES = 10
"""So many rules that ask nothing are run at once, so that one alone can be told from what all rules share."""
DEAREST = 10
"""So many of the dearest rules are named."""
CODES = ["97530", "97110", "97140"]
MINUTES = 15
VISITS_OF_A_PATIENT = 12
WEEKS = 6
PATIENTS_OF_A_DAY = 8
PATIENTS_OF_A_THERAPIST = 120
FIRST = date(2024, 3, 11)
SENTENCES = [
    "Patient practiced sit to stand and reaching overhead with CGA and verbal cues for LTG 1, improved safety.",
    "Stair training with min assist, tolerated well; continues to need skilled cueing for balance.",
    "Carried a 10 lb box ten feet with supervision to return to grocery shopping, STG 2 in progress.",
    "Bed mobility and rolling to the left needed tactile cues at the pelvis toward LTG 1; patient responded well.",
    "Lifting laundry from floor to shelf with contact guard, two rests, pain 3/10 after and 2/10 at the end.",
    "Car transfer simulated on a low mat: moderate assist for the legs, verbal cues for hand placement.",
    "Worked on stepping over obstacles of six inches in the hallway, one loss of balance, corrected alone.",
    "Dressing of the lower body at the edge of the bed with a reacher, minimal assist for the right sock.",
    "Kitchen tasks standing for eight minutes: took plates from the upper cabinet, needed one seated rest.",
    "Dynamic reaching outside the base of support toward the goal of gardening without falls, SBA.",
    "Pushed a loaded cart forty feet on carpet, heart rate stayed below 110, patient reports less fear.",
    "Floor recovery taught in four steps, patient repeated two of them with verbal cues only.",
]
Frames = dict[str, pl.DataFrame]


def _visits(lines: int, people: int) -> pl.DataFrame:
    """One row a visit: twelve a patient, twice a week; eight patients a therapist's day, one after the other."""
    visits = pl.select(n=pl.int_range(lines // len(CODES))).with_columns(
        patient=pl.col("n") // VISITS_OF_A_PATIENT, visit=pl.col("n") % VISITS_OF_A_PATIENT
    )
    turn = pl.col("patient") // people
    wave = turn // PATIENTS_OF_A_DAY
    day = pl.lit(FIRST).dt.offset_by(pl.format("{}d", pl.col("visit") * 7 // 2 + wave * WEEKS * 7))
    begins = day.cast(pl.Datetime) + pl.duration(
        minutes=8 * 60 + turn % PATIENTS_OF_A_DAY * len(CODES) * MINUTES
    )
    therapist = pl.format("T{}", pl.col("patient") % people)
    said = pl.lit(pl.Series(SENTENCES))
    chosen = [said.gather(pl.col("n") // len(SENTENCES) ** part % len(SENTENCES)) for part in range(3)]
    return visits.with_columns(
        note_id=pl.format("N{}", "n"), claim_id=pl.format("C{}", "n"), patient_id=pl.format("P{}", "patient"),
        plan_id=pl.format("PL{}", "patient"), service_date=day, therapist_id=therapist,
        kind=pl.when(pl.col("visit") == 0).then(pl.lit("evaluation")).otherwise(pl.lit("treatment")),
        text=pl.concat_str([*chosen, pl.format("Visit {} of the plan.", "visit")], separator=" "),
        signed_on=day, edited_at=day, discipline=pl.lit("PT"), clinic_id=pl.lit("CL1"), supervisor_id=pl.lit("T0"),
        cosigned_by=pl.lit("T0"), cosigned_on=day, timed_minutes=pl.lit(len(CODES) * MINUTES),
        total_minutes=pl.lit(len(CODES) * MINUTES), started_at=begins,
        ended_at=begins + pl.duration(minutes=len(CODES) * MINUTES),
    )  # fmt: skip


def records_of(lines: int) -> Frames:
    """Synthetic tables, made by expressions, with what every rule needs: visits of three codes, one claim a visit."""
    patients_in_all = lines // len(CODES) // VISITS_OF_A_PATIENT + 1
    people_in_all = max(4, patients_in_all // PATIENTS_OF_A_THERAPIST)
    visits = _visits(lines, people_in_all)
    codes = pl.DataFrame({"line": range(1, len(CODES) + 1), "cpt": CODES})
    billed = visits.select("claim_id", "note_id", "service_date", "therapist_id", "started_at").join(
        codes, how="cross"
    )
    given = billed.with_columns(
        started_at=pl.col("started_at") + pl.duration(minutes=(pl.col("line") - 1) * MINUTES)
    )
    patients = pl.select(patient=pl.int_range(patients_in_all))
    key = patients.select(patient_id=pl.format("P{}", "patient"), plan_id=pl.format("PL{}", "patient"))
    firsts = visits.group_by("patient_id").agg(starts_on=pl.col("service_date").min())
    plans = key.join(firsts, on="patient_id", how="left")
    people = pl.select(n=pl.int_range(people_in_all)).select(
        therapist_id=pl.format("T{}", "n"), discipline=pl.lit("PT"), clinic_id=pl.lit("CL1"),
        license_expires_on=pl.lit(date(2030, 1, 1)),
        role=pl.when(pl.col("n") % 4 == 3).then(pl.lit("assistant")).otherwise(pl.lit("therapist")),
    )  # fmt: skip
    shift = {"starts_at": pl.duration(hours=8), "ends_at": pl.duration(hours=17)}
    claims = visits.select(
        "claim_id", "patient_id", "clinic_id", payer_id=pl.when(pl.col("patient") % 2 == 0).then(pl.lit("M"))
        .otherwise(pl.lit("B")), frequency_code=pl.lit("1"), status=pl.lit("submitted"), submitted_on="service_date",
        diagnosis_codes=pl.lit("M25.561"),
    )  # fmt: skip
    return {
        "clinics": pl.DataFrame({"clinic_id": ["CL1"], "setting": ["private_practice"], "state": ["MD"]}),
        "payers": pl.DataFrame({"payer_id": ["M", "B"], "kind": ["medicare", "commercial"]}),
        "therapists": people,
        "patients": key.select("patient_id", purge_on=pl.lit(date(2040, 1, 1))),
        "plans_of_care": plans.with_columns(
            discipline=pl.lit("PT"), signed_on="starts_on", certified_on="starts_on", certified_by=pl.lit("A Gray MD"),
            weeks=pl.lit(12.0), visits_per_week=pl.lit(2.0), therapist_id=pl.lit("T0"),
            interventions=pl.lit(" ".join(CODES)), diagnosis_codes=pl.lit("M25.561"),
        ),
        "goals": key.select(
            "plan_id", goal_id=pl.format("G{}", "plan_id"), label=pl.lit("LTG 1"), term=pl.lit("long"),
            text=pl.lit("Stand from a chair independently in 6 weeks"), status=pl.lit("open"),
        ),
        "notes": visits.drop("n", "patient", "visit", "claim_id"),
        "interventions": given.select(
            "note_id", "line", "cpt", "started_at", minutes=pl.lit(MINUTES),
            ended_at=pl.col("started_at") + pl.duration(minutes=MINUTES),
        ),
        "shifts": visits.select("therapist_id", "clinic_id", "service_date").unique().select(
            "therapist_id", "clinic_id", **{name: pl.col("service_date").cast(pl.Datetime) + hour for name, hour in shift.items()}
        ),
        "authorizations": claims.filter(pl.col("payer_id") == "B").select("patient_id", "payer_id").unique().with_columns(
            authorization_id=pl.format("A{}", "patient_id"), starts_on=pl.lit(FIRST), ends_on=pl.lit(date(2030, 1, 1)),
            visits=pl.lit(20),
        ),
        "rtm": key.select(
            "patient_id", rtm_id=pl.format("R{}", "patient_id"), date=pl.lit(FIRST), kind=pl.lit("device_data"),
            therapist_id=pl.lit("T0"), minutes=pl.lit(0),
        ),
        "overpayments": claims.head(20).select(
            "claim_id", overpayment_id=pl.format("O{}", "claim_id"), amount=pl.lit(30.0), identified_on="submitted_on",
        ),
        "claims": claims,
        "claim_lines": billed.drop("started_at").with_columns(
            units=pl.lit(1), charge=pl.lit(90.0), modifiers=pl.lit("GP"), diagnosis_pointers=pl.lit("1")
        ),
        "remittances": billed.select(
            "claim_id", "line", paid_on=pl.col("service_date").dt.offset_by("20d"), allowed=pl.lit(31.0), paid=pl.lit(24.3),
            patient_responsibility=pl.lit(6.2), adjustments=pl.lit("CO-45:59.00 PR-2:6.20"),
        ),
    }  # fmt: skip


def by_hand(tables: Frames) -> dict[str, Callable[[], pl.DataFrame]]:
    """The five checks in plain Polars, by name."""
    claims, notes = tables["claims"].lazy(), tables["notes"].lazy()
    lines = (
        tables["claim_lines"].lazy().join(claims.select("claim_id", "patient_id", "payer_id"), on="claim_id")
    )
    day = ["patient_id", "service_date"]
    pairs = load_policies().code_tables.frames["code_pairs"].lazy()
    roles = tables["therapists"].lazy().select("therapist_id", "role")

    def progress_interval() -> pl.DataFrame:
        days = lines.select(day).unique().with_columns(
            number=pl.col("service_date").rank("dense").over("patient_id")
        )  # fmt: skip
        return lines.join(days.filter(pl.col("number") > 10), on=day).collect()

    def eight_minutes() -> pl.DataFrame:
        given = tables["interventions"].lazy().join(notes.select("note_id", *day), on="note_id")
        minutes = given.group_by(day).agg(pl.col("minutes").sum())
        units = lines.group_by(day).agg(pl.col("units").sum())
        return units.join(minutes, on=day).filter(pl.col("units") > (pl.col("minutes") + 7) // 15).collect()

    def code_pairs() -> pl.DataFrame:
        of_day = lines.select(*day, "claim_id", "line", "cpt", "modifiers")
        both = of_day.join(of_day.select(*day, other="cpt"), on=day)
        found = both.join(pairs, left_on=["cpt", "other"], right_on=["column_2", "column_1"])
        moment = pl.col("service_date").cast(pl.Datetime("us"))
        return found.filter(moment.is_between(pl.col("valid_from"), pl.col("valid_until"))).collect()

    def supervision() -> pl.DataFrame:
        levels = pl.LazyFrame(
            {"level": ["direct", "general"], "begins": [date(2005, 6, 6), date(2025, 1, 1)],
             "ends": [date(2025, 1, 1), date(9999, 1, 1)]}
        )  # fmt: skip
        assisted = notes.join(roles, on="therapist_id").filter(pl.col("role") == "assistant")
        placed = assisted.join(levels, how="cross").filter(
            (pl.col("service_date") >= pl.col("begins")) & (pl.col("service_date") < pl.col("ends"))
        )
        return placed.filter((pl.col("level") == "direct") & pl.col("supervisor_id").is_not_null()).collect()

    def goal_linkage() -> pl.DataFrame:
        named = pl.col("text").str.contains(r"(?i)(?:LTG|STG|goal)\s*#?\s*\d")
        return notes.filter(~named).join(lines.filter(pl.col("cpt") == "97530"), on="note_id").collect()

    return {
        each.__name__: each
        for each in (progress_interval, eight_minutes, code_pairs, supervision, goal_linkage)
    }


def spent_on(records: Records, policies: Policies, rules: Sequence[Rule]) -> tuple[Audit, dict[str, float]]:
    """An audit, and the seconds of processor that each of its steps took."""
    steps: list[tuple[str, float]] = []
    result = audit(
        records, policies, AS_OF, rules, progress=lambda name, *_: steps.append((name, time.process_time()))
    )
    ends = [moment for _, moment in steps[1:]] + [time.process_time()]
    spent: dict[str, float] = {}
    for (name, begin), end in zip(steps, ends, strict=True):
        spent[name] = spent.get(name, 0.0) + end - begin
    return result, spent


def asks_nothing(claim_lines: nw.LazyFrame) -> nw.LazyFrame:
    """Every line passes."""
    return judge(claim_lines, fails=nw.lit(False))


def floor(records: Records, policies: Policies) -> float:
    """Seconds of processor that one rule costs which judges every line and asks nothing of it."""
    bare = replace(catalogue()["MOD-01"], function=asks_nothing, parameters=())
    one, many = (spent_on(records, policies, [bare] * copies)[1][bare.code] for copies in (1, 1 + COPIES))
    return (many - one) / COPIES


def main(lines: int) -> None:
    """Time the five and every rule on the same frames, and print the ratio: of processor seconds, reading notes apart."""
    tables = records_of(lines)
    print(
        f"{tables['claim_lines'].height:,} claim lines, {tables['notes'].height:,} notes, {datetime.now():%Y-%m-%d}"
    )
    policies = load_policies()
    began = time.process_time()
    for name, check in by_hand(tables).items():
        with timed(f"  by hand: {name}"):
            check()
    five = time.process_time() - began
    with timed("typed records"):
        records = from_frames(tables)
    with timed(f"all {len(catalogue())} rules, tables and readings"):
        result, spent = spent_on(records, policies, list(catalogue().values()))
    reading = spent.pop("Reading the notes", 0.0)
    for name, seconds in sorted(spent.items(), key=lambda each: -each[1])[:DEAREST]:
        print(f"  {name}: {seconds:.2f} s of processor")
    whole, rules = sum(spent.values()), len(result.rules) - len(result.not_run)
    for absent in result.not_run:
        print(f"  {absent.rule} did not run: {absent.because}")
    print(f"  {result.findings.height:,} findings; reading the notes {reading:.2f} s of processor")
    print(
        f"five by hand {five:.2f} s, all rules {whole:.2f} s of processor; "
        f"all rules / (five × {rules} / 5) = {whole / (five * rules / 5):.2f}, "
        f"of rules that ask nothing {floor(records, policies) / (five / 5):.2f}"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else LINES)

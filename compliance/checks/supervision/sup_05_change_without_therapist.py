"""SUP-05: an assistant changed the treatment and no entry of a therapist names the change."""

from datetime import datetime

import narwhals as nw

from compliance.checks.rule import rule
from compliance.checks.supervision.services import services
from compliance.checks.terms import (
    MINUTES_OF_AN_HOUR,
    ONE_DAY,
    codes,
    first,
    flag,
    in_polars,
    judge,
    kept,
    ruled,
    yes,
)

CONTEXT = ["service_date", "patient_id", "discipline", "clinic_id", "payer_id", "therapist_id", "plan_id", "visit_ends_at",
           "has_text", "text", "change_documentation_hours", "change_documentation_hours__id", "policy_missing"]  # fmt: skip
PATIENT = ["patient_id", "discipline"]
FREQUENCY = (
    r"(?i)(?:changed|increased|decreased|reduced|modified) [^.;]{0,30}(?:frequency|[0-9] ?x ?/ ?w|times (?:a|per) week)"
    r"|(?:frequency|freq) [^.;]{0,20}(?:changed|increased|decreased|reduced|modified)"
)
_OFTEN_SAID = r"(?:frequency|freq\.?|[0-9] ?x ?/ ?w[a-z]*)"
_PAYER = r"(?:insur[a-z]+|payer|payor|carrier|health plan|hmo|auth|authori[sz]ation|adjuster|copay|benefits?)"
_COUNTED = (
    r"(?:cue|cueing|cuing|prompt|assist|lob|balance|fall|pain|headache|migraine|symptom|spasm|seizure|urinary|urination|void|"
    r"voiding|bowel|bladder|leakage|rest|break|dizziness|vertigo|episode|tremor|freezing|coughing|swallow|error|behavior|hep|"
    r"exercise|stim|nmes|tens|ultrasound)s?"
)
PLANNED = (
    r"(?i)(?:frequency|freq\.?) of (?:the |her |his |skilled |pt |ot |slp )*"
    r"(?:visit|treatment|therapy|session|tx|care|service)s?"
)
"""How often treatment is planned, in more words."""
OF_ANOTHER = (
    r"(?i)(?:frequency|freq\.?)(?: ?(?:and|or|&|/) ?[a-z]+)? of "
    rf"|(?:^|[^a-z]){_COUNTED} (?:frequency|freq)"
    r"|(?:frequency|freq)[^.;]{0,25}[0-9] ?(?:[mk]?hz|pps|(?:x|times) ?(?:/|a|per) ?day)"
    r"|(?:continue|cont|continued|maintain|maintained|remains) [^.;,]{0,20}[0-9] ?x ?/ ?w"
    rf"|{_OFTEN_SAID}[^.;]{{0,40}} (?:by|per|due to|d/t|because of) (?:the |her |his |their |pt |patient )?{_PAYER}"
    rf"|(?:^|[^a-z]){_PAYER} [^.;]{{0,40}}{_OFTEN_SAID}"
)
"""A frequency that is not the plan's (of cues, of falls, of a current), that goes on, or that the payer changed."""
GOAL = (
    r"(?i)(?:changed|modified|revised|upgraded|updated|discontinued|added|wrote|set) (?:the |a |new )*"
    r"(?:short[- ]term |long[- ]term )?(?:goal|ltg|stg)|new (?:goal|ltg|stg)"
    r"|(?:goal|ltg|stg)s? ?#?[0-9]* ?(?:was |were |is |are |has been |have been )?"
    r"(?:changed|modified|revised|upgraded|updated|discontinued|added|advanced)"
)
NO, ONE = nw.lit(0).cast(nw.Int64), nw.lit(1).cast(nw.Int64)
_OFTEN = r"(?:frequency|freq|[0-9] ?x ?/ ?w|[0-9] ?(?:x|times) (?:a|per) we?e?k|times (?:a|per) week)"
_ORDERED = r"chang|revis|modif|updat|authori[sz]|approv|order|agree|new |ok to|okay to|may "
_TO_OTHER = r"(?:" + _ORDERED + r"|increas|decreas|reduc|go to|now )"
_TO_ANOTHER = r"(?:" + _ORDERED + r"|upgrad|discontinu|d/c |advanc|added|wrote|set )"
GOAL_OR_FREQUENCY = (
    rf"(?i){_TO_OTHER}[^.;\n]{{0,40}}{_OFTEN}|{_OFTEN}[^.;\n]{{0,40}}{_TO_OTHER}"
    rf"|{_TO_ANOTHER}[^.;\n]{{0,40}}(?:goal|ltg|stg)|(?:goal|ltg|stg)[^.;\n]{{0,25}}{_TO_ANOTHER}"
)
"""A therapist's words that change or order goals or frequency: to name a goal ("towards LTG1") orders nothing."""
ACTIVITIES = [
    "functional_activity",
    "adl",
    "iadl",
    "exercise",
    "gait",
    "neuro",
    "selfcare",
    "passive",
    "paired",
]


@rule(
    code="SUP-05",
    title="Assistant changed the treatment without the therapist",
    severity="low",
    subject="note",
    key=["note_id", "changed_code"],
    unit="assistant's visit, and each code on it that the plan and the therapist's notes lack",
    cites=["42-cfr-410.61", "mbpm-15-230"],
    needs=["notes.therapist_id", "therapists.role"],
    absence_of={"notes": "patient", "plans_of_care": "patient", "supervision_contacts": "patient"},
    parameters=["change_documentation_hours"],
    exposes="note",
    message={
        "new_code": "An assistant added {changed_code} on {service_date}; the plan does not hold it and no therapist's entry "
        "names it",
        "goal_or_frequency": "An assistant changed goals or frequency on {service_date} and no therapist's entry orders it",
        "graded": "An assistant changed the activity on {service_date} and no therapist's entry names the change",
        "open": "An assistant changed the treatment on {service_date}; the therapist can still document it in time",
    },
    fix=dict.fromkeys(
        ("new_code", "goal_or_frequency", "graded", "open"),
        "Add a therapist's entry that authorizes the change, its reason, and the functional goal.",
    ),
    quotes=["change_verb"],
)  # fmt: skip
def change_without_therapist(
    interventions: nw.LazyFrame,
    notes: nw.LazyFrame,
    claim_lines: nw.LazyFrame,
    plans_of_care: nw.LazyFrame,
    supervision_contacts: nw.LazyFrame,
    therapists: nw.LazyFrame,
    mentions: nw.LazyFrame,
    contact_mentions: nw.LazyFrame,
    as_of: datetime,
) -> nw.LazyFrame:
    """An assistant acts within the plan; a change of it is the therapist's, and must be written as theirs.

    ## What it checks
    Each visit of an assistant: a code that neither the plan nor an earlier note of a therapist holds, a change of
    goals or frequency, and words of change (progressed, added, modified ...) of today.

    ## Why it matters
    A service outside the plan is not covered; a change without the therapist shows no clinical judgement.

    ## How we read the rule
    - The entry is a note or addendum of a therapist of the discipline, a logged contact, or the plan's signed change,
      from the previous visit until the payer's hours (24) after the visit.
    - It must name the change: the activity that was changed, with words of change or of an order (*added*, *may
      progress*, *authorize*); the code by number or name; the goal or the frequency, with such words. To work towards
      a goal orders no change of it.
    - An activity that was added, or a code, may also stand in the therapist's last note before the visit.
    - "Per PT", "PT ordered" in the assistant's own text is such an entry, also for goals.
    - "Progressed well", or a pain that increased, is no change of treatment.
    - Where the visit's end is not recorded, the hours run from the end of its day.
    - A new code, goal or frequency is a repayment risk; grading within the plan a weakness of documentation.
    - At risk is the new code's line. A changed goal or frequency has no line of its own.
    - Until the hours have passed, a change is a reminder.
    - Planned or negated words are no change. Nor is a frequency of something else (of cues, of falls), or one that the
      payer cut.

    ## What it does not check
    Whether the change was clinically right; evaluations by assistants (SUP-06).
    """
    given = services(interventions, notes, claim_lines, [*PATIENT, "service_date", "plan_id"])
    given = kept(given.filter(nw.col("by_assistant") > 0))
    entries, said = _therapists_entries(notes, therapists, supervision_contacts, mentions, contact_mentions)
    visits = notes.join(given.select("note_id").unique(), on="note_id", how="semi").with_columns(
        visit_ends_at=nw.coalesce(nw.col("ended_at"), nw.col("service_date").dt.truncate("1d") + ONE_DAY),
        has_text=flag(~nw.col("text").is_null()),
    )
    visits = kept(_with_window(visits.select("note_id", *CONTEXT), notes))
    heard = kept(_heard(visits, entries))
    signed = _signed_changes(visits, plans_of_care)
    graded = _graded(mentions, heard, said)
    ordered = heard.filter(nw.col("in_time") > 0).filter(nw.col("entry_text").str.contains(GOAL_OR_FREQUENCY))
    ordered = ordered.select("note_id").unique().with_columns(ordered=ONE)
    visits = (
        visits.join(signed, on="note_id", how="left")
        .join(_own_words(mentions), on="note_id", how="left")
        .join(graded, on="note_id", how="left")
        .join(ordered, on="note_id", how="left")
    )
    planned = nw.col("text").str.replace_all(PLANNED, "frequency").str.replace_all(OF_ANOTHER, " ")
    edited = flag(nw.col("text").str.contains(GOAL) | planned.str.contains(FREQUENCY))
    whole = visits.with_columns(
        changed_code=nw.lit(None, dtype=nw.String),
        unplanned=NO,
        edited=edited,
        unread=flag(nw.col("has_text") == 0),
    ).with_columns(
        entry=nw.when(nw.col("edited") > 0).then(flag(yes("ordered"))).otherwise(flag(~yes("unnamed")))
    )
    new = _new_codes(given, interventions, plans_of_care).join(visits, on="note_id", how="inner")
    new = new.join(_codes_named(heard, said), on=["note_id", "changed_code"], how="left").with_columns(
        edited=NO, unread=NO, changed=NO, entry=flag(yes("code_named"))
    )
    units = nw.concat([whole.select(UNIT), new.select(UNIT)], how="vertical")
    elapsed = (nw.lit(as_of).cast(nw.Datetime("us")) - nw.col("visit_ends_at")).dt.total_minutes()
    in_time = elapsed <= nw.col("change_documentation_hours") * MINUTES_OF_AN_HOUR
    kind = first(
        ("new_code", nw.col("unplanned") > 0),
        ("goal_or_frequency", nw.col("edited") > 0),
        ("graded", yes("changed")),
    )
    authorized = yes("entry") | yes("by_therapist_word") | yes("plan_signed")
    units = units.with_columns(fault=kind)
    case = nw.when(nw.coalesce(in_time, nw.lit(False))).then(nw.lit("open")).otherwise(nw.col("fault"))
    risk = nw.col("fault").is_in(["new_code", "goal_or_frequency"])
    severity = first(("info", in_time), ("medium", risk), ("low", nw.lit(True)))
    return judge(
        units,
        applies=ruled("change_documentation_hours"),
        cannot_tell={
            "notes.text": nw.col("unread") > 0,
            "plans_of_care.interventions": (nw.col("unplanned") < 0) & ~authorized,
        },
        fails=~nw.col("fault").is_null() & ~authorized,
    ).select(
        "note_id", "changed_code", "outcome", "missing", "fault", "service_date", "previous_on",
        "change_documentation_hours__id", case=case, severity=severity,
        exposed_cpt=nw.coalesce(nw.col("changed_code"), nw.lit("none")),
    )  # fmt: skip


UNIT = ["note_id", "changed_code", "service_date", "visit_ends_at", "previous_on", "change_documentation_hours",
        "change_documentation_hours__id", "policy_missing", "unplanned", "edited", "changed", "unread", "entry",
        "by_therapist_word", "plan_signed"]  # fmt: skip


def _own_words(mentions: nw.LazyFrame) -> nw.LazyFrame:
    """Of each note, whether its words of today change the treatment and whether they name the therapist's order."""
    today = mentions.filter(~nw.col("negated") & (nw.col("when") == "today"))
    kind = nw.col("kind")
    return (
        today.with_columns(
            changed=flag(kind == "change_verb"), by_therapist_word=flag(kind == "by_therapist")
        )
        .group_by("note_id")
        .agg(nw.col("changed").max(), nw.col("by_therapist_word").max())
    )


def _with_window(visits: nw.LazyFrame, notes: nw.LazyFrame) -> nw.LazyFrame:
    """Add `previous_on`, the patient's visit before, and `therapist_on`, the day of the therapist's last note till then."""
    on = nw.col("service_date")

    def last(rows: nw.LazyFrame, name: str, holds: nw.Expr) -> nw.LazyFrame:
        dated = rows.select(*PATIENT, before="service_date").unique()
        return (
            visits.select("note_id", *PATIENT, "service_date")
            .join(dated, on=PATIENT, how="inner")
            .filter(holds)
            .group_by("note_id")
            .agg(nw.col("before").max().alias(name))
        )

    previous = last(notes.filter(nw.col("is_visit")), "previous_on", nw.col("before") < on)
    own = notes.filter(nw.col("author_role") == "therapist")
    therapist = last(own, "therapist_on", nw.col("before") <= on)
    return visits.join(previous, on="note_id", how="left").join(therapist, on="note_id", how="left")


def _therapists_entries(
    notes: nw.LazyFrame,
    therapists: nw.LazyFrame,
    contacts: nw.LazyFrame,
    mentions: nw.LazyFrame,
    contact_mentions: nw.LazyFrame,
) -> tuple[nw.LazyFrame, nw.LazyFrame]:
    """Therapists' notes and logged contacts by patient and discipline, and what they say: entry_id, kind, value."""
    written = nw.coalesce(nw.col("written_at"), nw.col("signed_on"), nw.col("service_date"))
    own = notes.filter(nw.col("author_role") == "therapist").select(
        *PATIENT, entry_id="note_id", said_at=written, noted_on="service_date", entry_text="text"
    )
    logged_id = nw.concat_str([nw.lit("contact "), nw.col("contact_id")])
    able = therapists.filter(nw.col("role") == "therapist").select("discipline", supervisor_id="therapist_id")
    logged = (
        contacts.filter(~nw.col("patient_id").is_null())
        .join(able, on="supervisor_id", how="inner")
        .with_columns(noted_on=nw.lit(None, dtype=nw.Datetime("us")))
        .select(*PATIENT, "noted_on", entry_id=logged_id, said_at="date", entry_text="text")
    )
    columns = [*PATIENT, "entry_id", "said_at", "noted_on", "entry_text"]
    said = nw.concat(
        [
            mentions.filter(~nw.col("negated")).select("kind", "value", entry_id="note_id"),
            contact_mentions.filter(~nw.col("negated")).select("kind", "value", entry_id=logged_id),
        ],
        how="vertical",
    )
    return nw.concat([own.select(columns), logged.select(columns)], how="vertical"), said


def _heard(visits: nw.LazyFrame, entries: nw.LazyFrame) -> nw.LazyFrame:
    """Entries that bear on each visit: `in_time` where in the window, `last_note` where the therapist's last note."""
    hours = (nw.col("said_at") - nw.col("visit_ends_at")).dt.total_minutes()
    since = nw.col("previous_on").is_null() | (nw.col("said_at") >= nw.col("previous_on"))
    by_deadline = nw.coalesce(
        hours <= nw.col("change_documentation_hours") * MINUTES_OF_AN_HOUR, nw.lit(False)
    )
    return (
        visits.select(
            "note_id", *PATIENT, "visit_ends_at", "previous_on", "therapist_on", "change_documentation_hours"
        )
        .join(entries, on=PATIENT, how="inner")
        .filter(by_deadline)
        .with_columns(in_time=flag(since), last_note=flag(nw.col("noted_on") == nw.col("therapist_on")))
        .select("note_id", "entry_id", "entry_text", "in_time", "last_note")
    )


def _graded(mentions: nw.LazyFrame, heard: nw.LazyFrame, said: nw.LazyFrame) -> nw.LazyFrame:
    """Notes with a change that no entry names: note_id, `unnamed` 1.

    A changed activity is named by an entry in time that speaks of change and of that activity; one that was added
    also by the therapist's last note where it holds it. A change of no known activity wants an entry that speaks of change.
    """
    today = mentions.filter(~nw.col("negated") & (nw.col("when") == "today"))
    changes = today.filter(nw.col("kind").is_in(["added_activity", "changed_activity"]))
    changes = changes.select("note_id", "value", added=flag(nw.col("kind") == "added_activity"))
    speaking = said.filter(nw.col("kind").is_in(["change_verb", "change_order", "by_therapist"]))
    speaking = speaking.select("entry_id").unique().with_columns(speaks=ONE)
    about = said.filter(nw.col("kind").is_in(ACTIVITIES)).select("entry_id", "value").unique()
    named = (
        heard.join(about, on="entry_id", how="inner")
        .join(speaking, on="entry_id", how="left")
        .with_columns(
            orders=flag((nw.col("in_time") > 0) & yes("speaks")),
            holds=nw.col("in_time") + nw.col("last_note"),
        )
        .group_by("note_id", "value")
        .agg(nw.col("orders").max(), nw.col("holds").max())
    )
    lacking = (
        changes.join(named, on=["note_id", "value"], how="left")
        .filter(~yes("orders") & ~((nw.col("added") > 0) & yes("holds")))
        .select("note_id")
    )
    general = heard.filter(nw.col("in_time") > 0).join(speaking, on="entry_id", how="inner")
    general = general.select("note_id").unique().with_columns(general=ONE)
    specific = changes.select("note_id").unique().with_columns(specific=ONE)
    vague = (
        today.filter(nw.col("kind") == "change_verb")
        .select("note_id")
        .unique()
        .join(specific, on="note_id", how="left")
        .join(general, on="note_id", how="left")
        .filter(~yes("specific") & ~yes("general"))
        .select("note_id")
    )
    return nw.concat([lacking, vague], how="vertical").unique().with_columns(unnamed=ONE)


def _codes_named(heard: nw.LazyFrame, said: nw.LazyFrame) -> nw.LazyFrame:
    """Codes that an entry in time or the therapist's last note names: note_id, changed_code, `code_named` 1."""
    codes_said = said.filter(nw.col("kind") == "code_named").select("entry_id", changed_code="value")
    bears = (nw.col("in_time") > 0) | (nw.col("last_note") > 0)
    return (
        heard.filter(bears)
        .join(codes_said, on="entry_id", how="inner")
        .select("note_id", "changed_code")
        .unique()
        .with_columns(code_named=ONE)
    )


def _signed_changes(visits: nw.LazyFrame, plans: nw.LazyFrame) -> nw.LazyFrame:
    """Visits in whose window a change of the plan was signed: note_id, `plan_signed` 1."""
    signed = plans.filter(~nw.col("change_signed_by").is_null() & ~nw.col("changed_on").is_null())
    signed = signed.select(*PATIENT, said_at="changed_on").unique()
    hours = (nw.col("said_at") - nw.col("visit_ends_at")).dt.total_minutes()
    since = nw.col("previous_on").is_null() | (nw.col("said_at") >= nw.col("previous_on"))
    return (
        visits.select("note_id", *PATIENT, "visit_ends_at", "previous_on", "change_documentation_hours")
        .join(signed, on=PATIENT, how="inner")
        .filter(since & (hours <= nw.col("change_documentation_hours") * MINUTES_OF_AN_HOUR))
        .select("note_id")
        .unique()
        .with_columns(plan_signed=ONE)
    )


def _new_codes(given: nw.LazyFrame, interventions: nw.LazyFrame, plans: nw.LazyFrame) -> nw.LazyFrame:
    """Codes that neither the plan nor a therapist's earlier service holds: `unplanned` 1, -1 where the plan lists none."""
    listed = plans.select(
        "plan_id", planned=nw.concat_str([nw.lit(" "), nw.col("interventions"), nw.lit(" ")])
    )
    beside = [*codes("evaluation"), *codes("reevaluation"), *codes("monitoring")]
    treated = given.filter(~nw.col("cpt").is_null() & ~nw.col("cpt").is_in(beside))
    treated = treated.select("note_id", "plan_id", *PATIENT, "service_date", changed_code="cpt").unique()
    by_therapist = (
        interventions.filter(nw.col("deliverer_role") == "therapist")
        .group_by(*PATIENT, "cpt")
        .agg(since=nw.col("service_date").min())
        .rename({"cpt": "changed_code"})
    )
    wanted = in_polars(treated.select("changed_code").unique())["changed_code"].sort()
    holds = nw.lit(False)
    for code in wanted:
        holds = nw.when(nw.col("changed_code") == code).then(
            nw.col("planned").str.contains(f" {code} ", literal=True)
        ).otherwise(holds)  # fmt: skip
    return (
        treated.join(listed, on="plan_id", how="left")
        .join(by_therapist, on=[*PATIENT, "changed_code"], how="left")
        .with_columns(known=flag(holds) + flag(nw.col("since") <= nw.col("service_date")))
        .filter(nw.col("known") == 0)
        .select(
            "note_id",
            "changed_code",
            unplanned=nw.when(nw.col("planned").is_null())
            .then(nw.lit(-1))
            .otherwise(nw.lit(1))
            .cast(nw.Int64),
        )
    )

"""SUP-05: an assistant changed the treatment and no entry of a therapist names the change."""

from datetime import datetime

import narwhals as nw

from compliance.checks.rule import rule
from compliance.checks.supervision.services import first, flag, services, yes
from compliance.checks.terms import ONE_DAY, codes, judge

CONTEXT = ["service_date", "patient_id", "discipline", "clinic_id", "payer_id", "therapist_id", "plan_id", "visit_ends_at",
           "has_text", "text", "change_documentation_hours", "change_documentation_hours__id", "policy_missing"]  # fmt: skip
PATIENT = ["patient_id", "discipline"]
FREQUENCY = (
    r"(?i)(?:changed|increased|decreased|reduced|modified) [^.;]{0,30}(?:frequency|[0-9] ?x ?/ ?w|times (?:a|per) week)"
    r"|(?:frequency|freq) [^.;]{0,20}(?:changed|increased|decreased|reduced|modified)"
)
GOAL = (
    r"(?i)(?:changed|modified|revised|upgraded|updated|discontinued|added|wrote|set) (?:the |a |new )*"
    r"(?:short[- ]term |long[- ]term )?(?:goal|ltg|stg)|new (?:goal|ltg|stg)"
)
HOUR_MINUTES = 60
NO = nw.lit(0).cast(nw.Int64)


@rule(
    code="SUP-05",
    title="Assistant changed the treatment without the therapist",
    severity="low",
    subject="note",
    key=["note_id", "changed_code"],
    unit="assistant's visit, and each code on it that the plan and the therapist's notes lack",
    cites=["42-cfr-410.61", "mbpm-15-230"],
    needs=["notes.therapist_id", "therapists.role"],
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
    - A therapist's entry of the assistant's discipline names the change: a note or addendum with words of change or
      the code, a logged contact whose text names a change, an activity or a code ("chart reviewed" names none), or
      the plan's signed change, from the previous visit until the payer's hours (24) after the visit. "Per PT",
      "PT ordered" in the assistant's own text is such an entry, also for goals.
    - Where the visit's end is not recorded, the hours run from the end of its day.
    - A new code, goal or frequency is a repayment risk; grading within the plan a weakness of documentation.
    - At risk is the new code's line. A changed goal or frequency has no line of its own.
    - Until the hours have passed, a change is a reminder.
    - Planned or negated words are no change.

    ## What it does not check
    Whether the change was clinically right; evaluations by assistants (SUP-06).
    """
    ended = nw.coalesce(nw.col("ended_at"), nw.col("service_date").dt.truncate("1d") + ONE_DAY)
    read = notes.with_columns(has_text=flag(~nw.col("text").is_null()), visit_ends_at=ended)
    given = services(interventions, read, claim_lines, CONTEXT).filter(nw.col("by_assistant") > 0)
    visits = given.select("note_id", *CONTEXT).unique()
    entries = _with_entries(
        visits, notes, therapists, _naming(supervision_contacts, contact_mentions), plans_of_care, mentions
    )
    said = _said(mentions)
    visits = (
        entries.join(said, on="note_id", how="left")
        .with_columns(
            changed_code=nw.lit(None, dtype=nw.String),
            edited=flag(nw.col("text").str.contains(GOAL) | nw.col("text").str.contains(FREQUENCY)),
        )
        .with_columns(unplanned=NO, unread=flag(nw.col("has_text") == 0))
    )
    new = _new_codes(given, interventions, plans_of_care).join(
        visits.drop("changed_code", "unplanned", "unread", "changed", "edited"), on="note_id", how="inner"
    )
    new = new.with_columns(changed=NO, edited=NO, unread=NO).join(
        _named_codes(notes, mentions), on=[*PATIENT, "changed_code"], how="left"
    )
    named = nw.coalesce(nw.col("named_on") <= nw.col("service_date") + ONE_DAY, nw.lit(False))
    new = new.with_columns(entry=flag(yes("entry") | named)).drop("named_on")
    units = nw.concat([visits.select(UNIT), new.select(UNIT)], how="vertical")
    elapsed = (nw.lit(as_of).cast(nw.Datetime("us")) - nw.col("visit_ends_at")).dt.total_minutes()
    in_time = elapsed <= nw.col("change_documentation_hours") * HOUR_MINUTES
    kind = first(
        ("new_code", nw.col("unplanned") > 0),
        ("goal_or_frequency", nw.col("edited") > 0),
        ("graded", yes("changed")),
    )
    units = units.with_columns(fault=kind)
    alone = ~nw.col("fault").is_null() & ~yes("entry") & ~yes("by_therapist_word")
    case = nw.when(nw.coalesce(in_time, nw.lit(False))).then(nw.lit("open")).otherwise(nw.col("fault"))
    risk = nw.col("fault").is_in(["new_code", "goal_or_frequency"])
    severity = first(("info", in_time), ("medium", risk), ("low", nw.lit(True)))
    return judge(
        units,
        applies=~nw.col("change_documentation_hours").is_null() | ~nw.col("policy_missing").is_null(),
        cannot_tell={
            "notes.text": nw.col("unread") > 0,
            "plans_of_care.interventions": (nw.col("unplanned") < 0) & ~yes("entry"),
        },
        fails=alone,
    ).select(
        "note_id", "changed_code", "outcome", "missing", "fault", "service_date", "previous_on",
        "change_documentation_hours__id", case=case, severity=severity,
        exposed_cpt=nw.coalesce(nw.col("changed_code"), nw.lit("none")),
    )  # fmt: skip


UNIT = ["note_id", "changed_code", "service_date", "visit_ends_at", "previous_on", "change_documentation_hours",
        "change_documentation_hours__id", "policy_missing", "unplanned", "edited", "changed", "unread", "entry",
        "by_therapist_word"]  # fmt: skip


def _said(mentions: nw.LazyFrame) -> nw.LazyFrame:
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


NAMES_A_CHANGE = ["change_verb", "code_title", "by_therapist", "functional_activity", "adl", "iadl", "exercise", "gait",
                  "neuro", "passive"]  # fmt: skip


def _naming(contacts: nw.LazyFrame, contact_mentions: nw.LazyFrame) -> nw.LazyFrame:
    """Contacts whose text names a change, an activity or a code."""
    names = nw.col("kind").is_in(NAMES_A_CHANGE) | ~nw.col("code").is_null()
    told = contact_mentions.filter(names & ~nw.col("negated")).select("contact_id").unique()
    return contacts.join(told, on="contact_id", how="inner")


def _with_entries(
    visits: nw.LazyFrame,
    notes: nw.LazyFrame,
    therapists: nw.LazyFrame,
    contacts: nw.LazyFrame,
    plans: nw.LazyFrame,
    mentions: nw.LazyFrame,
) -> nw.LazyFrame:
    """Add `previous_on`, the visit before, and `entry`, whether a therapist's entry stands in the window."""
    earlier = notes.filter(nw.col("is_visit")).select(*PATIENT, before="service_date").unique()
    previous = (
        visits.select("note_id", *PATIENT, "service_date")
        .join(earlier, on=PATIENT, how="inner")
        .filter(nw.col("before") < nw.col("service_date"))
        .group_by("note_id")
        .agg(previous_on=nw.col("before").max())
    )
    visits = visits.join(previous, on="note_id", how="left")
    naming = (
        mentions.filter(~nw.col("negated") & (nw.col("kind") == "change_verb")).select("note_id").unique()
    )
    written = nw.coalesce(nw.col("written_at"), nw.col("signed_on"), nw.col("service_date"))
    own = notes.filter(nw.col("author_role") == "therapist").join(naming, on="note_id", how="inner")
    own = own.select(*PATIENT, said_at=written)
    able = therapists.filter(nw.col("role") == "therapist").select("discipline", supervisor_id="therapist_id")
    logged = contacts.filter(~nw.col("patient_id").is_null())
    logged = logged.join(able, on="supervisor_id", how="inner").select(*PATIENT, said_at="date")
    signed = plans.filter(~nw.col("change_signed_by").is_null() & ~nw.col("changed_on").is_null())
    signed = signed.select(*PATIENT, said_at="changed_on")
    said = nw.concat([own, logged, signed], how="vertical").unique()
    hours = (nw.col("said_at") - nw.col("visit_ends_at")).dt.total_minutes()
    since = nw.col("previous_on").is_null() | (nw.col("said_at") >= nw.col("previous_on"))
    entries = (
        visits.select("note_id", *PATIENT, "visit_ends_at", "previous_on", "change_documentation_hours")
        .join(said, on=PATIENT, how="inner")
        .filter(since & (hours <= nw.col("change_documentation_hours") * HOUR_MINUTES))
        .select("note_id")
        .unique()
        .with_columns(entry=nw.lit(1).cast(nw.Int64))
    )
    return visits.join(entries, on="note_id", how="left").with_columns(
        entry=nw.coalesce(nw.col("entry"), nw.lit(0))
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
    wanted = (
        treated.select("changed_code").unique().collect(backend="polars").to_native()["changed_code"].sort()
    )
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


def _named_codes(notes: nw.LazyFrame, mentions: nw.LazyFrame) -> nw.LazyFrame:
    """Since when a therapist's text names a code: patient_id, discipline, changed_code, named_on."""
    sections = mentions.filter(~nw.col("code").is_null()).select("note_id", changed_code="code")
    titles = mentions.filter(nw.col("kind") == "code_title").select("note_id", changed_code="value")
    own = notes.filter(nw.col("author_role") == "therapist").select("note_id", *PATIENT, "service_date")
    return (
        nw.concat([sections, titles], how="vertical")
        .unique()
        .join(own, on="note_id", how="inner")
        .group_by(*PATIENT, "changed_code")
        .agg(named_on=nw.col("service_date").min())
    )

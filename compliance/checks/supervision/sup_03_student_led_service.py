"""SUP-03: a student led a service that was billed, without the supervision under which the payer pays for it."""

import narwhals as nw

from compliance.checks.rule import rule
from compliance.checks.supervision.services import services
from compliance.checks.supervision.taken_out import DAY, with_lost
from compliance.checks.terms import first, flag, is_timed, judge, kept, ruled, yes

CONTEXT = ["service_date", "patient_id", "discipline", "clinic_id", "payer_id", "therapist_id", "author_role", "supervisor_id",
           "supervision", "cosigned_by", "student_billable", "student_billable__id", "unit_method",
           "timed_unit_minutes", "first_unit_minutes", "policy_missing"]  # fmt: skip
LED = ("led", "performed", "treated")
WAYS = ("never", "in_room", "direct", "general")


@rule(
    code="SUP-03",
    title="Student-led service billed",
    severity="medium",
    subject="line",
    key=["claim_id", "line", "note_id", "cpt"],
    unit="code that a student gave on a visit",
    cites=["mbpm-15-230-b", "medicaid-cautious-default"],
    needs=["notes.note_id"],
    parameters=["student_billable", "unit_method", "timed_unit_minutes", "first_unit_minutes"],
    exposes="line",
    message={
        "never": "A student gave {cpt} on {service_date}; this payer never pays for a student's service",
        "not_in_room": "A student gave {cpt} on {service_date}, and nothing says that the therapist was in the room, "
        "directing it",
        "unsigned": "A student gave {cpt} on {service_date} and no therapist signed the note",
        "not_on_site": "A student gave {cpt} on {service_date} and no therapist was on site",
        "nobody": "A student gave {cpt} on {service_date} and no supervising therapist is named",
        "part": "Of the {minutes} minutes of {cpt} on {service_date} a student gave {student_minutes} without the "
        "supervision that this payer asks for; without them {lost} of {units} billed units fall away",
    },
    fix=dict.fromkeys(
        ("never", "not_in_room", "unsigned", "not_on_site", "nobody", "part"),
        "Remove the student's minutes; bill only minutes that the therapist directed one-on-one.",
    ),
    quotes=["student", "in_room"],
)
def student_led_service(
    interventions: nw.LazyFrame, notes: nw.LazyFrame, claim_lines: nw.LazyFrame, mentions: nw.LazyFrame
) -> nw.LazyFrame:
    """Medicare pays for a therapist's service in which a student takes part, not for a student's.

    ## What it checks
    Each code that a student gave, by who delivered it, by the student's own minutes or by the note's words, must
    show the supervision under which the payer pays for it.

    ## Why it matters
    Part B pays the therapist's service only; a student's is not paid even in the therapist's line of sight.

    ## How we read the rule
    - In the room: the note or its words put the therapist in the room, directing; and a therapist signed it
      (as author or by a co-signature). A therapist in line of sight, or treating another patient, is not that; nor
      is one who *was not in the room*.
    - In the room for a part only (*only at start*, *for the first 10 minutes*), or where note and words, or two
      words of a note, contradict each other: it cannot be told.
    - Student's minutes are those without the therapist directing in the room: any are judged.
    - Where a student gave a part of the minutes of a timed code, that part is taken out and the day's units counted
      again, as for an aide (SUP-04); where no unit falls away it is a weakness.
    - A student as deliverer whose own minutes are given as 0 was directed.
    - A student who only observed, or is only mentioned, gave nothing. SPT is mostly a stand-pivot transfer: it is a
      student only with words that make it a person who acts (*by SPT*, *SPT Jones*, *SPT led 97530*). PTAs, OTs and
      OTAs are assistants and therapists.
    - Direct: a therapist on site by the note or its words, treating others or not. General: one is named.
    - A payer whose rule on students is unknown cannot be told.

    ## What it does not check
    Students under Medicare Part A, whose rules differ; the shifts of the supervisor (SUP-01 does, for assistants).
    """
    given = services(interventions, notes, claim_lines, CONTEXT)
    units = kept(
        given.join(_said(mentions), on="note_id", how="left")
        .join(_said_of_code(mentions), on=["note_id", "cpt"], how="left")
        .with_columns(
            words=flag(yes("led_note") | yes("led_code")),
            given=flag(
                (nw.col("by_student") > 0) & ((nw.col("student_known") == 0) | (nw.col("student") > 0))
            ),
            alone=flag((nw.col("student_known") > 0) & (nw.col("student") > 0)),
            signed=flag((nw.col("author_role") == "therapist") | ~nw.col("cosigned_by").is_null()),
        )
        .with_columns(judged=flag((nw.col("by_student") > 0) | yes("words")))
        .filter(nw.col("judged").max().over(*DAY) > 0)
    )
    units = with_lost(units, units.filter(is_timed()), "student").filter(nw.col("judged") > 0)
    units = _with_presence(units)
    note, directed, doubt, near = nw.col("supervision"), yes("directed"), yes("doubtful"), yes("near")
    led = yes("given") | yes("words")
    way = nw.col("student_billable")
    named = ~nw.col("supervisor_id").is_null() | yes("signed")
    case = first(
        ("never", led & (way == "never")),
        ("not_in_room", led & (way == "in_room") & ~directed & ~doubt),
        ("unsigned", led & (way == "in_room") & ~yes("signed")),
        ("not_on_site", led & (way == "direct") & ~near & ~note.is_null()),
        ("nobody", led & (way == "general") & ~named),
    )
    part = yes("alone") & ~yes("words") & (nw.col("student") < nw.col("minutes")) & is_timed()
    part = nw.coalesce(part & (nw.col("unmeasured") == 0) & ~nw.col("units").is_null(), nw.lit(False))
    return judge(
        units.with_columns(fault=case, part=part, by_words=yes("words")),
        applies=ruled("student_billable"),
        cannot_tell={
            "policy.student_billable": led & ~way.is_in(list(WAYS)),
            "notes.supervision": (led & (way == "direct") & ~near & note.is_null())
            | (led & (way == "in_room") & doubt & yes("signed")),
        },
        fails=~nw.col("fault").is_null(),
    ).select(
        "claim_id", "line", "note_id", "outcome", "missing", "fault", "cpt", "service_date", "patient_id", "discipline",
        "clinic_id", "payer_id", "therapist_id", "deliverer", "supervision", "cosigned_by", "by_words",
        "student_billable", "student_billable__id", "minutes", "units", student_minutes=nw.col("student"),
        lost=nw.when(nw.col("part")).then(nw.col("lost")).otherwise(nw.lit(None)),
        exposed_units=nw.when(nw.col("part")).then(nw.col("lost")).otherwise(nw.lit(None)),
        case=nw.when(nw.col("part")).then(nw.lit("part")).otherwise(nw.col("fault")),
        severity=nw.when(nw.col("part") & (nw.col("lost") == 0)).then(nw.lit("low")).otherwise(nw.lit("medium")),
    )  # fmt: skip


def _with_presence(units: nw.LazyFrame) -> nw.LazyFrame:
    """Add, as 0 or 1, what note and words together say of the therapist: `directed`, in the room and directing;
    `doubtful`, where they contradict each other or put the therapist there for a part only; `near`, on site.
    """
    note = nw.col("supervision")
    off = nw.coalesce(note.is_in(["on_site", "virtual", "available", "none"]), nw.lit(False)) | yes("another")
    put = nw.coalesce(note == "in_room", nw.lit(False)) | yes("inside")
    apart = off | yes("sight") | yes("outside") | yes("briefly")
    at_odds = yes("briefly") | (put & (yes("sight") | yes("outside")))
    on_site = nw.coalesce(note.is_in(["in_room", "on_site"]), nw.lit(False))
    return units.with_columns(
        directed=flag((put | yes("directing")) & ~apart & ~yes("alone")),
        doubtful=flag(at_odds & ~off & ~yes("alone")),
        near=flag(on_site | yes("inside") | yes("directing") | yes("briefly") | yes("sight")),
    )


SAID = ("led_note", "inside", "outside", "briefly", "directing", "sight", "another")


def _said(mentions: nw.LazyFrame) -> nw.LazyFrame:
    """What a note's words say of its student and therapist, as 0 or 1 a note."""
    kind, value, denied = nw.col("kind"), nw.col("value"), nw.col("negated")
    room = (kind == "in_room") & ~denied
    led = (kind == "student") & value.is_in(list(LED)) & nw.col("code").is_null()
    return (
        mentions.filter(nw.col("when") == "today")
        .with_columns(
            led_note=flag(led & ~denied),
            inside=flag(room & (value == "in_room")),
            outside=flag((kind == "in_room") & (value == "in_room") & denied),
            briefly=flag(room & (value == "part")),
            directing=flag(room & (value == "directing")),
            sight=flag(room & (value == "line_of_sight")),
            another=flag(room & (value == "treating_another")),
        )
        .group_by("note_id")
        .agg(*(nw.col(name).max() for name in SAID))
    )


def _said_of_code(mentions: nw.LazyFrame) -> nw.LazyFrame:
    """Codes in whose section the words make a student the one who gave them."""
    led = (nw.col("kind") == "student") & nw.col("value").is_in(list(LED)) & ~nw.col("code").is_null()
    return (
        mentions.filter(led & (nw.col("when") == "today") & ~nw.col("negated"))
        .select("note_id", cpt="code")
        .unique()
        .with_columns(led_code=nw.lit(1))
    )

"""CON-06: the therapist on the line was on leave, no longer employed, or clocked in elsewhere."""

import narwhals as nw

from compliance.checks.rule import rule
from compliance.checks.terms import ASSISTANT_MODIFIERS, ONE_DAY, first, flag, has_code, judge, kept, yes

LINE = ["claim_id", "line"]
ASKED = [
    *LINE, "note_id", "cpt", "modifiers", "therapist_id", "note_therapist_id", "service_date", "patient_id", "discipline",
    "clinic_id", "payer_id", "place_of_service",
]  # fmt: skip
ELSEWHERE = ("02", "10", "12")
"""CMS places of service: telehealth (02, 10) and the patient's home (12). No clock of a clinic speaks of them."""


@rule(
    code="CON-06",
    title="Therapist away",
    severity="medium",
    subject="line",
    unit="claim line",
    cites=["house-default", "cms-11-scenarios"],
    needs=["claim_lines.therapist_id"],
    absence_of={"shifts": "day"},
    exposes="line",
    message={
        "employment": "{provider} was not employed on {service_date} (from {employed_from} to {employed_to}), when {cpt} was "
        "billed",
        "leave": "{provider} was on leave on {service_date}, when {cpt} was billed",
        "site": "{provider} was clocked in at {clocked_at} on {service_date}, when {cpt} was billed at {billed_at}",
    },
    fix={
        "employment": "Find out who gave the service, and correct the claim or refund it.",
        "leave": "Reconcile the leave with the note: correct the one that is wrong, or refund the line.",
        "site": "Reconcile the clock with the note: correct the clinic or the therapist on the claim, or refund the line.",
    },
)
def therapist_away(
    claim_lines: nw.LazyFrame,
    interventions: nw.LazyFrame,
    notes: nw.LazyFrame,
    shifts: nw.LazyFrame,
    therapists: nw.LazyFrame,
    clinics: nw.LazyFrame,
) -> nw.LazyFrame:
    """A line names somebody who, by the staff's own records, was not there.

    ## What it checks
    Each line: whether its therapist was employed on that day, on leave, or clocked in at another clinic.

    ## Why it matters
    Payment is for the service of the person named. Where that person was away, somebody else gave it, or nobody.

    ## How we read the rule
    - The person is the therapist on the line, without one the note's author. What an assistant gave is billed under a
      therapist who may be elsewhere: there the assistant's leave and clock count, and the employment of both.
    - The last day of employment is a day of work.
    - Leave is told by its hours where it has some and the service's hours are known; else it is the whole day. A clock
      that ran during the service outweighs the leave.
    - Leave of a part of the day without the hours of the service cannot be told.
    - At another clinic means: a clock there covers the service, and none at the claim's clinic touches it. Without hours
      of the service: every clock of the day was elsewhere.
    - Treatment at home and by telehealth is at no clinic.
    - A day without clock and leave cannot be told: schedules do not prove presence. A shift without a kind is a clocked one.

    ## What it does not check
    Services outside the hours of the clock at the same clinic. Whether another therapist wrote the note (INT-09).
    """
    lines = _with_person(claim_lines.select(ASKED), interventions, therapists)
    lines = kept(_with_hours(lines, interventions, notes))
    lines = lines.join(_clocks(lines, shifts), on=LINE, how="left").join(
        _leave(lines, shifts), on=LINE, how="left"
    )
    lines = _with_clinics_named(lines, clinics)
    timed = ~nw.col("begins").is_null()
    elsewhere = nw.when(timed).then(flag(yes("covers_there") & ~yes("touches_here"))).otherwise(
        flag(yes("there") & ~yes("here"))
    )  # fmt: skip
    at_clinic = ~nw.coalesce(nw.col("place_of_service").is_in(ELSEWHERE), nw.lit(False))
    away = (
        yes("on_leave")
        & ~yes("touches_here")
        & ~yes("touches_there")
        & ~(~timed & (yes("here") | yes("there")))
    )
    vague_leave = (yes("part_leave") | (yes("on_leave") & ~away)) & ~timed
    case = first(
        ("employment", yes("not_employed")),
        ("leave", away),
        ("site", at_clinic & (elsewhere > 0) & ~nw.col("clinic_id").is_null()),
    )
    units = lines.with_columns(case=case)
    open_question = nw.col("case").is_null()
    unclocked = ~yes("here") & ~yes("there")
    return judge(
        units,
        cannot_tell={
            "interventions.therapist_id": open_question & nw.col("person_id").is_null() & yes("assisted"),
            "claim_lines.therapist_id": open_question & nw.col("person_id").is_null(),
            "notes.started_at": open_question & (vague_leave | (at_clinic & ~timed & yes("here") & yes("there"))),
            "shifts.starts_at": open_question & unclocked,
            "claims.clinic_id": open_question & at_clinic & nw.col("clinic_id").is_null(),
            "shifts.ends_at": open_question & at_clinic & timed & yes("unended_there") & ~yes("touches_here"),
        },
        fails=~open_question,
    ).select(
        *LINE, "outcome", "missing", "case", "cpt", "service_date", "patient_id", "discipline", "clinic_id", "payer_id",
        "note_id", "provider", "employed_from", "employed_to", "other_clinic", "clocked_at", "billed_at",
        therapist_id=nw.coalesce(nw.col("person_id"), nw.col("therapist_id")), fault="case",
    )  # fmt: skip


def _with_person(
    claim_lines: nw.LazyFrame, interventions: nw.LazyFrame, therapists: nw.LazyFrame
) -> nw.LazyFrame:
    """Add `person_id` (who was to be there), `assisted`, `provider`, employment, `not_employed`."""
    given = interventions.filter(nw.col("attended"))
    assistant = nw.coalesce(nw.col("deliverer_role") == "assistant", nw.lit(False))
    roles = (
        given.with_columns(
            assistant_id=nw.when(assistant).then(nw.col("deliverer_id")), assistants=flag(assistant)
        )
        .group_by("note_id", "cpt")
        .agg(nw.col("assistant_id").min(), nw.col("assistants").min())
    )
    lines = claim_lines.join(roles, on=["note_id", "cpt"], how="left").with_columns(
        assisted=flag(yes("assistants") | has_code("modifiers", ASSISTANT_MODIFIERS)),
        named_id=nw.coalesce(nw.col("therapist_id"), nw.col("note_therapist_id")),
    )
    person = nw.when(nw.col("assisted") > 0).then(nw.col("assistant_id")).otherwise(nw.col("named_id"))
    lines = lines.with_columns(person_id=person)
    people = therapists.select("therapist_id", "name", "employed_from", "employed_to")
    for_person = people.rename({"therapist_id": "person_id", "name": "provider"})
    named = people.select(
        named_id="therapist_id", named_name="name", named_from="employed_from", named_to="employed_to"
    )
    joined = lines.join(for_person, on="person_id", how="left").join(named, on="named_id", how="left")
    on = nw.col("service_date")
    gone = [
        nw.coalesce(on > nw.col(ended), nw.lit(False)) | nw.coalesce(on < nw.col(began), nw.lit(False))
        for began, ended in (("employed_from", "employed_to"), ("named_from", "named_to"))
    ]
    own = nw.coalesce(gone[0], nw.lit(False))
    shown = {"provider": "named_name", "employed_from": "named_from", "employed_to": "named_to"}
    of_named = ~own & gone[1]
    return joined.with_columns(
        not_employed=flag(own | gone[1]),
        **{
            mine: nw.when(of_named | nw.col("person_id").is_null())
            .then(nw.col(theirs))
            .otherwise(nw.col(mine))
            for mine, theirs in shown.items()
        },
    )


def _with_clinics_named(lines: nw.LazyFrame, clinics: nw.LazyFrame) -> nw.LazyFrame:
    """Add `clocked_at` and `billed_at`: the names of the other clinic and of the line's, their ids where they have none."""
    for key, name in (("other_clinic", "clocked_at"), ("clinic_id", "billed_at")):
        named = clinics.select(nw.col("clinic_id").alias(key), nw.col("name").alias(name))
        lines = lines.join(named, on=key, how="left").with_columns(
            nw.coalesce(nw.col(name), nw.col(key)).alias(name)
        )
    return lines


def _with_hours(lines: nw.LazyFrame, interventions: nw.LazyFrame, notes: nw.LazyFrame) -> nw.LazyFrame:
    """Add `begins` and `ends` of the service: of all its rows where each has both, else of the note; null without."""
    unknown = flag(nw.col("started_at").is_null() | nw.col("ended_at").is_null())
    rows = interventions.filter(nw.col("attended")).with_columns(unknown=unknown)
    own = rows.group_by("note_id", "cpt").agg(
        first_at=nw.col("started_at").min(), last_at=nw.col("ended_at").max(), unknown=nw.col("unknown").max()
    )
    visit = notes.select("note_id", visit_from="started_at", visit_to="ended_at")
    known = nw.coalesce(nw.col("unknown") == 0, nw.lit(False))
    told = (
        lines.join(own, on=["note_id", "cpt"], how="left")
        .join(visit, on="note_id", how="left")
        .with_columns(
            begins=nw.when(known).then(nw.col("first_at")).otherwise(nw.col("visit_from")),
            ends=nw.when(known).then(nw.col("last_at")).otherwise(nw.col("visit_to")),
        )
    )
    usable = nw.coalesce(nw.col("ends") > nw.col("begins"), nw.lit(False))
    return told.with_columns(*(nw.when(usable).then(nw.col(name)).alias(name) for name in ("begins", "ends")))


def _clocks(lines: nw.LazyFrame, shifts: nw.LazyFrame) -> nw.LazyFrame:
    """Of each line the person's clock of the day, here and there: whether there is one, touches and covers the service."""
    clocked = shifts.filter(nw.coalesce(nw.col("kind"), nw.lit("clocked")) == "clocked").select(
        person_id="therapist_id", service_date=nw.col("starts_at").dt.truncate("1d"), site="clinic_id",
        on_at="starts_at", off_at="ends_at",
    )  # fmt: skip
    met = lines.select(*LINE, "person_id", "service_date", "clinic_id", "begins", "ends").join(
        clocked, on=["person_id", "service_date"], how="inner"
    )
    same = nw.coalesce(nw.col("site") == nw.col("clinic_id"), nw.lit(False))
    begun = nw.coalesce(nw.col("on_at") < nw.col("ends"), nw.lit(False))
    unended = nw.col("off_at").is_null()
    touches = begun & (unended | nw.coalesce(nw.col("off_at") > nw.col("begins"), nw.lit(False)))
    covers = nw.coalesce(
        (nw.col("on_at") <= nw.col("begins")) & (nw.col("off_at") >= nw.col("ends")), nw.lit(False)
    )
    return (
        met.with_columns(
            here=flag(same), there=flag(~same), touches_here=flag(same & touches), touches_there=flag(~same & touches),
            covers_there=flag(~same & covers), unended_there=flag(~same & touches & unended),
            other_clinic=nw.when(~same).then(nw.col("site")),
        )
        .group_by(*LINE)
        .agg(
            *(nw.col(name).max() for name in ("here", "there", "touches_here", "touches_there", "covers_there",
                                              "unended_there")),
            nw.col("other_clinic").min(),
        )
    )  # fmt: skip


def _leave(lines: nw.LazyFrame, shifts: nw.LazyFrame) -> nw.LazyFrame:
    """Of each line `on_leave`: leave takes in the service, or its day; `part_leave`: a part of the day, hours unknown."""
    away = shifts.filter(nw.coalesce(nw.col("kind") == "leave", nw.lit(False))).select(
        person_id="therapist_id", away_from="starts_at", away_to="ends_at"
    )
    away_from, last = nw.col("away_from"), nw.coalesce(nw.col("away_to"), nw.col("away_from"))
    away = away.with_columns(
        first_day=away_from.dt.truncate("1d"),
        last_day=last.dt.truncate("1d"),
    ).with_columns(whole=flag((away_from == nw.col("first_day")) & (last == nw.col("last_day"))))
    met = _on_its_days(lines.select(*LINE, "person_id", "service_date", "begins", "ends"), away)
    on, last_day = nw.col("service_date"), nw.col("last_day")
    open_ended = nw.col("away_to").is_null() | yes("whole")
    until = nw.when(open_ended).then(last_day + ONE_DAY).otherwise(nw.col("away_to"))
    timed = ~nw.col("begins").is_null()
    during = timed & nw.coalesce((nw.col("begins") < until) & (nw.col("ends") > away_from), nw.lit(False))
    all_day = (on >= away_from) & (on + ONE_DAY <= until)
    return (
        met.with_columns(on_leave=flag(during | (~timed & all_day)), part_leave=flag(~timed & ~all_day))
        .group_by(*LINE)
        .agg(nw.col("on_leave").max(), nw.col("part_leave").max())
    )


def _on_its_days(lines: nw.LazyFrame, away: nw.LazyFrame) -> nw.LazyFrame:
    """Each line with what its person was away for on its day. What lasts a day, as most does, is found by the day."""
    on, of_one_day = nw.col("service_date"), nw.col("first_day") == nw.col("last_day")
    short = away.filter(of_one_day).with_columns(service_date="first_day")
    by_day = lines.join(short, on=["person_id", "service_date"], how="inner")
    longer = lines.join(away.filter(~of_one_day), on="person_id", how="inner").filter(
        (on >= nw.col("first_day")) & (on <= nw.col("last_day"))
    )
    return nw.concat([by_day, longer.select(by_day.collect_schema().names())], how="vertical")

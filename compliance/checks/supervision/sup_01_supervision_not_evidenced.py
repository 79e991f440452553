"""SUP-01: an assistant treated and the supervision that payer and state require is not evidenced."""

import narwhals as nw

from compliance.checks.rule import rule
from compliance.checks.supervision.presence import HOME, with_presence
from compliance.checks.supervision.services import services
from compliance.checks.terms import codes, first, flag, judge, kept, yes

CONTEXT = [
    "service_date", "patient_id", "discipline", "clinic_id", "payer_id", "therapist_id", "author_role", "supervisor_id",
    "supervision", "cosigned_by", "assistant_supervision", "assistant_supervision__id", "state_assistant_supervision",
    "state_assistant_supervision__id", "remote_monitoring_supervision", "remote_monitoring_supervision__id",
    "virtual_counts_as_direct", "virtual_counts_as_direct__id", "supervision_contact_required",
    "supervision_contact_required__id", "policy_missing",
]  # fmt: skip
LEVELS = ("general", "direct", "personal")
DATED = (("license_from", "license_expires_on"), ("employed_from", "employed_to"))
FIX = (
    "Name the supervising {discipline} for {service_date}, mode and contact; where direct supervision was required "
    "and no therapist was on site, refund (or do not bill) the service."
)


@rule(
    code="SUP-01",
    title="Required supervision of an assistant not evidenced",
    severity="medium",
    subject="note",
    key=["note_id", "cpt", "claim_id", "line"],
    unit="code that an assistant gave on a visit",
    cites=["42-cfr-410.60", "42-cfr-410.59", "cy2025-pfs-final-rule", "tricare-85-fr-15061", "tricare-manual-2025"],
    needs=["notes.note_id", "therapists.role"],
    absence_of={"shifts": "day", "supervision_contacts": "day"},
    parameters=["assistant_supervision", "state_assistant_supervision", "remote_monitoring_supervision",
                "virtual_counts_as_direct", "supervision_contact_required"],
    exposes="line",
    message={
        "said_none": "{deliverer} ({deliverer_is}) gave {cpt}, and the note says that no therapist supervised "
        "({level} supervision required)",
        "unqualified": "{deliverer} ({deliverer_is}) gave {cpt}; {supervisor}, named as supervisor, is no licensed "
        "{discipline} therapist of the practice on that day ({level} supervision required)",
        "on_leave": "{deliverer} ({deliverer_is}) gave {cpt}; {supervisor}, named as supervisor, was on leave "
        "({level} supervision required)",
        "other_on_site": "{deliverer} ({deliverer_is}) gave {cpt}; {supervisor}, named as supervisor, was not on site, "
        "but another {discipline} therapist was",
        "contradicted": "{deliverer} ({deliverer_is}) gave {cpt}; the note says that {supervisor} was there, and the "
        "clock that {supervisor} was not ({level} supervision required)",
        "not_on_site": "{deliverer} ({deliverer_is}) gave {cpt} and no supervising {discipline} therapist was on site "
        "({level} supervision required)",
        "not_in_room": "{deliverer} ({deliverer_is}) gave {cpt} and the therapist was not in the room (personal "
        "supervision required)",
        "nobody": "{deliverer} ({deliverer_is}) gave {cpt} and no supervising {discipline} therapist is named",
        "no_contact": "{deliverer} ({deliverer_is}) gave {cpt} under {supervisor}, and no contact is recorded",
    },
    fix=dict.fromkeys(
        ("said_none", "unqualified", "on_leave", "other_on_site", "contradicted", "not_on_site", "not_in_room", "nobody",
         "no_contact"),
        FIX,
    ),
)  # fmt: skip
def supervision_not_evidenced(
    interventions: nw.LazyFrame,
    notes: nw.LazyFrame,
    claim_lines: nw.LazyFrame,
    shifts: nw.LazyFrame,
    therapists: nw.LazyFrame,
    supervision_contacts: nw.LazyFrame,
    absent_columns: frozenset[str],
) -> nw.LazyFrame:
    """An assistant may treat under supervision only; how close it must be, payer, setting, state and date decide.

    ## What it checks
    Each code that an assistant gave on a visit must show the supervision that was required on that day:
    a named therapist (general), a therapist on site (direct), a therapist in the room (personal).

    ## Why it matters
    Without the required supervision the service is not payable. Medicare asked private practices for direct
    supervision to December 31, 2024 and asks for general supervision since; it asks institutions for general.

    ## How we read the rule
    - The stricter of the payer's level and the state's counts. Remote monitoring has a level of its own.
    - Direct: the named supervisor's clock covers the whole service at the same clinic. A schedule proves nothing,
      but where it has the supervisor there and no clock is kept of that day, nothing can be told. Where nobody is
      named, any therapist of the discipline on that clock is presence.
    - The note's `in_room` or `on_site` is presence too, unless the clock of that day or a leave says otherwise; a
      day without any clocked shift contradicts it only where no therapist wrote or co-signed the note. A logged
      in-person contact with the patient that day is presence.
    - Real-time audio and video counts as presence on the days on which the payer lets it; a telephone does not.
    - At the patient's home the clinic's clock proves nothing.
    - The named supervisor was away but another therapist was on site: a weakness of documentation.
    - A clock is kept between a therapist's first and last clocked shift; on a day within, no shift is absence.
    - General: a named therapist of the same discipline, employed and licensed that day (where dates are
      recorded) and not on leave, suffices; being off site is no fault. Named is `supervisor_id`, else the
      therapist who wrote the note, who co-signed it, or who logged a contact with the assistant that day.
    - A note that says `none` fails at every level.
    - Minutes given together with the therapist are the therapist's.
    - Where the setting is unknown, presence on site answers every level; where the state is unknown, the level for
      all states counts.

    ## What it does not check
    How many assistants one therapist supervises; licences in full (INT-10); CQ and CO (AST).
    """
    given = services(interventions, notes, claim_lines, CONTEXT).filter(
        (nw.col("by_assistant") > 0) | ((nw.col("by_unknown") > 0) & (nw.col("by_therapist") == 0))
    )
    named = kept(_named(kept(given), supervision_contacts, therapists))
    units = _levels(with_presence(named, shifts, therapists)).with_columns(policy_missing=_unread())
    reasons = _reasons(_judged(units), "notes.supervisor_id" in absent_columns)
    known = nw.col("policy_missing").is_null() & (nw.col("assistant_supervision") != "unknown")
    strict = yes("present") & (nw.col("missing_role").is_null()) & ~nw.col("policy_missing").is_null()
    doubt = nw.when(strict & (nw.col("policy_missing") == "clinics.setting")).then(nw.lit(None))
    units = reasons.with_columns(
        ruled=~nw.col("assistant_supervision").is_null()
        | ~nw.col("state_assistant_supervision").is_null()
        | ~nw.col("policy_missing").is_null(),
        policy_missing=doubt.otherwise(
            nw.when(nw.col("case").is_null()).then(nw.col("policy_missing")).otherwise(nw.lit(None))
        ),
        unknown_level=nw.coalesce(~known & (nw.col("assistant_supervision") == "unknown"), nw.lit(False)),
    )
    open_question = nw.col("case").is_null()
    return judge(
        units,
        applies=nw.col("ruled"),
        cannot_tell={
            "policy.assistant_supervision": open_question & nw.col("unknown_level"),
            **{fact: open_question & (nw.col("lacks") == fact) for fact in LACKS},
        },
        fails=~open_question,
    ).select(
        "note_id", "cpt", "claim_id", "line", "outcome", "missing", "case", "severity", "deliverer", "deliverer_is",
        "level", "supervisor", "supervision", "starts_at", "ends_at", "service_date", "patient_id", "discipline",
        "clinic_id", "payer_id", "therapist_id", fault=nw.col("case"), **{f"{p}__id": nw.col(f"{p}__id") for p in
        ("assistant_supervision", "state_assistant_supervision", "virtual_counts_as_direct")},
    )  # fmt: skip


LACKS = ("notes.supervisor_id", "therapists.role", "notes.supervision", "interventions.started_at", "shifts.ends_at",
         "shifts", "supervision_contacts")  # fmt: skip


def _named(given: nw.LazyFrame, supervision_contacts: nw.LazyFrame, therapists: nw.LazyFrame) -> nw.LazyFrame:
    """Who supervised, and what the log of contacts says of the assistant's day."""
    logged = supervision_contacts.select(
        "supervisor_id", deliverer_id="assistant_id", service_date=nw.col("date").dt.truncate("1d"),
        contact_patient="patient_id", contact_mode="mode",
    )  # fmt: skip
    contacts = (
        given.select("note_id", "cpt", "deliverer_id", "service_date", "patient_id")
        .unique()
        .join(logged, on=["deliverer_id", "service_date"], how="inner")
        .filter(nw.col("contact_patient").is_null() | (nw.col("contact_patient") == nw.col("patient_id")))
        .with_columns(
            in_person=flag(
                (nw.col("contact_mode") == "in_person") & (nw.col("contact_patient") == nw.col("patient_id"))
            ),
            by_video=flag(nw.col("contact_mode") == "virtual"),
            contacts=nw.lit(1),
        )
        .group_by("note_id", "cpt")
        .agg(
            nw.col("in_person").max(),
            nw.col("by_video").max(),
            nw.col("contacts").sum(),
            contact_by=nw.col("supervisor_id").min(),
        )
    )
    author = nw.when(nw.col("author_role") == "therapist").then(nw.col("therapist_id"))
    people = therapists.select(
        supervisor_id="therapist_id", supervisor="name", supervisor_role="role", supervisor_discipline="discipline",
        **{column: nw.col(column) for dates in DATED for column in dates},
    )  # fmt: skip
    return (
        given.join(contacts, on=["note_id", "cpt"], how="left")
        .with_columns(
            supervisor_id=nw.coalesce(
                nw.col("supervisor_id"),
                author.otherwise(nw.lit(None, dtype=nw.String)),
                nw.col("cosigned_by"),
                nw.col("contact_by"),
            )
        )
        .join(people, on="supervisor_id", how="left")
    )


def _levels(units: nw.LazyFrame) -> nw.LazyFrame:
    """The level required: the stricter of payer's and state's, by rank (0 none, 1 general, 2 direct, 3 personal)."""

    def rank(column: str) -> nw.Expr:
        ranked = nw.lit(0)
        for number, name in enumerate(LEVELS, start=1):
            ranked = (
                nw.when(nw.coalesce(nw.col(column) == name, nw.lit(False)))
                .then(nw.lit(number))
                .otherwise(ranked)
            )
        return ranked

    monitoring = nw.coalesce(nw.col("cpt").is_in(codes("monitoring")), nw.lit(False))
    own = ~nw.col("remote_monitoring_supervision").is_null() & monitoring
    payer = nw.when(own).then(rank("remote_monitoring_supervision")).otherwise(rank("assistant_supervision"))
    units = units.with_columns(payer_rank=payer, state_rank=rank("state_assistant_supervision"))
    stricter = nw.col("state_rank") > nw.col("payer_rank")
    units = units.with_columns(
        rank=nw.when(stricter).then(nw.col("state_rank")).otherwise(nw.col("payer_rank"))
    )
    return units.with_columns(
        level=first(*((name, nw.col("rank") == number) for number, name in enumerate(LEVELS, start=1)))
    )


def _unread() -> nw.Expr:
    """`policy_missing`, but for a setting on which only the level of remote monitoring depends."""
    monitoring = nw.coalesce(nw.col("cpt").is_in(codes("monitoring")), nw.lit(False))
    read = ~nw.col("assistant_supervision__id").is_null() & ~monitoring
    beside = read & nw.coalesce(nw.col("policy_missing") == "clinics.setting", nw.lit(False))
    return nw.when(~beside).then(nw.col("policy_missing")).otherwise(nw.lit(None))


def _judged(units: nw.LazyFrame) -> nw.LazyFrame:
    """What is evidenced, as 0 or 1: named, unfit, in_room, present, away."""
    on, said = nw.col("service_date"), nw.col("supervision")
    outside = [
        nw.coalesce(nw.col(begins) > on, nw.lit(False)) | nw.coalesce(nw.col(ends) < on, nw.lit(False))
        for begins, ends in DATED
    ]
    # a null is unequal to everything on pandas, to nothing elsewhere: ask for it by name
    role, trained = nw.col("supervisor_role"), nw.col("supervisor_discipline")
    of_other = ~trained.is_null() & ~nw.col("discipline").is_null() & (trained != nw.col("discipline"))
    other = (~role.is_null() & (role != "therapist")) | of_other
    home = nw.coalesce(nw.col("place_of_service") == HOME, nw.lit(False))
    units = units.with_columns(
        named=flag(~nw.col("supervisor_id").is_null()),
        unfit=flag(nw.coalesce(other, nw.lit(False)) | outside[0] | outside[1]),
        clocked=flag(~home & (yes("covered") | (nw.col("supervisor_id").is_null() & yes("anyone")))),
        someone=flag(~home & yes("anyone")),
        timed=flag(nw.col("ends_at") > nw.col("starts_at")),
        kept_here=flag(yes("kept") | (nw.col("supervisor_id").is_null() & yes("clinic_kept"))),
        by_therapist_said=flag((nw.col("author_role") == "therapist") | ~nw.col("cosigned_by").is_null()),
        video=flag(
            ((said == "virtual") | yes("by_video"))
            & nw.coalesce(nw.col("virtual_counts_as_direct"), nw.lit(False))
        ),
    )
    expected = yes("scheduled") & ~yes("punched")
    off_clock = yes("kept_here") & yes("timed") & ~yes("clocked") & ~yes("unended") & ~expected
    away = yes("on_leave") | off_clock
    units = units.with_columns(away=flag(away))
    fit = yes("named") & ~yes("unfit")
    trusted = fit & (~yes("away") | (yes("by_therapist_said") & ~yes("on_leave") & ~yes("punched")))
    return units.with_columns(
        in_room=flag((said == "in_room") & trusted),
        present=flag(
            ~nw.coalesce(said == "none", nw.lit(False))
            & (
                (yes("clocked") & ~yes("unfit") & ~yes("on_leave"))
                | (nw.coalesce(said.is_in(["in_room", "on_site"]), nw.lit(False)) & trusted)
                | (yes("in_person") & fit)
                | (yes("video") & fit & ~yes("on_leave"))
            )
        ),
        missing_role=nw.when(yes("named") & nw.col("supervisor_role").is_null())
        .then(nw.lit("therapists.role"))
        .otherwise(nw.lit(None)),
    )


def _reasons(units: nw.LazyFrame, unnameable: bool) -> nw.LazyFrame:
    """Why a unit fails (`case`), else the fact without which it cannot be told (`lacks`)."""
    said, direct, personal = (
        nw.col("supervision"),
        nw.col("rank") == len(LEVELS) - 1,
        nw.col("rank") == len(LEVELS),
    )
    general, close = nw.col("rank") == 1, nw.col("rank") > 1
    remote = nw.coalesce(said.is_in(["available", "virtual"]), nw.lit(False))
    elsewhere = remote | nw.coalesce(said == "on_site", nw.lit(False))
    uncontacted = (
        nw.coalesce(nw.col("supervision_contact_required"), nw.lit(False)) & nw.col("contacts").is_null()
    )
    case = first(
        ("said_none", (nw.col("rank") > 0) & (said == "none")),
        ("unqualified", (nw.col("rank") > 0) & yes("unfit")),
        ("other_on_site", direct & ~yes("present") & yes("named") & yes("someone")),
        ("on_leave", (nw.col("rank") > 0) & yes("on_leave") & ~yes("present") & ~yes("in_room")),
        (
            "contradicted",
            close & ~yes("present") & ~yes("in_room") & yes("away") & said.is_in(["in_room", "on_site"]),
        ),
        ("not_on_site", direct & ~yes("present") & (remote | yes("away"))),
        ("not_in_room", personal & ~yes("in_room") & (elsewhere | yes("away"))),
        ("nobody", general & ~yes("named") & nw.lit(not unnameable)),
        ("no_contact", general & uncontacted & said.is_null()),
    )
    weak = nw.col("case").is_in(["nobody", "other_on_site", "no_contact"]) | general
    weak = weak | ((nw.col("case") == "unqualified") & yes("someone"))
    doubtful = direct & ~yes("present")
    return units.with_columns(
        case=nw.when(nw.col("by_assistant") > 0).then(case).otherwise(nw.lit(None)),
        lacks=first(
            ("therapists.role", nw.col("by_assistant") == 0),
            ("notes.supervisor_id", general & ~yes("named")),
            ("therapists.role", yes("named") & nw.col("supervisor_role").is_null()),
            ("notes.supervision", personal & ~yes("in_room")),
            ("notes.supervisor_id", doubtful & said.is_in(["in_room", "on_site"])),
            ("shifts.ends_at", doubtful & yes("unended") & yes("timed")),
            ("interventions.started_at", doubtful & yes("kept_here") & ~yes("timed")),
            ("shifts", doubtful),
        ),
    ).with_columns(
        severity=nw.when(weak & ~(close & (nw.col("case") == "said_none")))
        .then(nw.lit("low"))
        .otherwise(nw.lit("medium"))
    )

"""Which note documents a claim line: of its day, of the day beside it, or none.

`claim_lines` looks for a note only to give a line its context. Here the same search is made the other way round, so
that a line is accused only where no reading of the records finds it a note.
"""

import narwhals as nw

from compliance.checks.terms import MINUTES_OF_A_DAY, codes, flag, kept, shared, with_parameters, yes

LINE = ["claim_id", "line"]
DISCIPLINES = ("modifier_discipline", "rendering_discipline")
UNKNOWN = (
    "claims.patient_id", "claim_lines.service_date", "notes.note_id", "notes.patient_id", "notes.service_date", "notes",
)  # fmt: skip
"""The facts without which it cannot be told whether a note documents a line."""


def charted(
    claim_lines: nw.LazyFrame, notes: nw.LazyFrame, interventions: nw.LazyFrame, tolerance: str
) -> nw.LazyFrame:
    """The lines with the parameter `tolerance`, each with what the chart holds of it.

    Added: `here` (1: an attended note of the patient, day and discipline exists); `other_note_id` and `note_on` (else,
    the note of another day that documents it: the one that the line names, or one of up to `tolerance` days away that
    no line of its own day bills and that holds the code or no codes); `no_show` (1: the day's only notes say that the
    patient did not come); `unknown` (the missing fact, where the export lacks the notes that would tell).
    """
    lines = with_parameters(claim_lines, tolerance)
    return _charted(lines, with_parameters(notes), with_parameters(interventions), tolerance)


@shared
def _charted(
    claim_lines: nw.LazyFrame, notes: nw.LazyFrame, interventions: nw.LazyFrame, tolerance: str
) -> nw.LazyFrame:
    """What `charted` tells."""
    attended = notes.filter(nw.col("attended"))
    here = kept(notes_of_the_day(claim_lines, attended))
    elsewhere = _of_another_day(claim_lines, notes, attended, interventions, here, tolerance)
    absent = notes_of_the_day(claim_lines, notes.filter(~nw.col("attended")))
    span = _first_note(claim_lines, notes)
    named = notes.select("note_id", named_on="service_date", named=nw.lit(1))
    lines = (
        claim_lines.join(_marked(here, "here"), on=LINE, how="left")
        .join(elsewhere, on=LINE, how="left")
        .join(_marked(absent, "no_show"), on=LINE, how="left")
        .join(_maybe_noted(claim_lines, notes, "service_date", "patient_id"), on=LINE, how="left")
        .join(_maybe_noted(claim_lines, notes, "patient_id", "service_date"), on=LINE, how="left")
        .join(span, on=LINE, how="left")
        .join(named, on="note_id", how="left")
    )
    unnoted = ~yes("here") & nw.col("other_note_id").is_null()
    lost = ~nw.col("note_id").is_null() & (~yes("named") | nw.col("named_on").is_null())
    before = nw.col("first_note_on").is_null() | (nw.col("service_date") < nw.col("first_note_on"))
    unknown = nw.lit(None, dtype=nw.String)
    for fact, missing in (
        ("notes", unnoted & before),
        ("notes.service_date", unnoted & yes("without_service_date")),
        ("notes.patient_id", unnoted & yes("without_patient_id")),
        ("notes.service_date", unnoted & lost & yes("named")),
        ("notes.note_id", unnoted & lost & ~yes("named")),
        ("claim_lines.service_date", nw.col("service_date").is_null()),
        ("claims.patient_id", nw.col("patient_id").is_null()),
    ):
        unknown = nw.when(nw.coalesce(missing, nw.lit(False))).then(nw.lit(fact)).otherwise(unknown)
    return lines.with_columns(unknown=unknown, here=flag(yes("here")), no_show=flag(yes("no_show")))


def untold() -> dict[str, nw.Expr]:
    """The lines that cannot be told, for `judge`: reads `unknown` of `charted`."""
    return {fact: nw.col("unknown") == fact for fact in UNKNOWN}


def is_session() -> nw.Expr:
    """Whether a line bills a session: remote monitoring's set-up, supply and management have no visit note."""
    return ~nw.coalesce(nw.col("cpt").is_in(codes("monitoring")), nw.lit(False))


def same_discipline() -> nw.Expr:
    """Whether a note may be of a line's discipline: that of its modifier or of who rendered it, or one is unknown."""
    modifier, rendering = (nw.col(name) for name in DISCIPLINES)
    treated = nw.col("noted_discipline")
    equal = [nw.coalesce(treated == each, nw.lit(False)) for each in (modifier, rendering)]
    return treated.is_null() | (modifier.is_null() & rendering.is_null()) | equal[0] | equal[1]


def notes_of_the_day(claim_lines: nw.LazyFrame, notes: nw.LazyFrame) -> nw.LazyFrame:
    """Pairs of a line and a note of its patient, day and discipline: claim_id, line, day_note_id."""
    on = ["patient_id", "service_date"]
    lines = claim_lines.select(*LINE, *on, *DISCIPLINES)
    return (
        lines.join(notes.select(*on, day_note_id="note_id", noted_discipline="discipline"), on=on)
        .filter(same_discipline())
        .select(*LINE, "day_note_id")
    )


def _marked(pairs: nw.LazyFrame, name: str) -> nw.LazyFrame:
    return pairs.select(*LINE).unique().with_columns(nw.lit(1).alias(name))


def _maybe_noted(claim_lines: nw.LazyFrame, notes: nw.LazyFrame, lacks: str, on: str) -> nw.LazyFrame:
    """The lines that a note without `lacks`, alike in `on`, clinic and discipline, may document: claim_id, line, `without_…`."""
    maybe = notes.filter(nw.col("attended") & nw.col(lacks).is_null())
    maybe = maybe.select(on, noted_at="clinic_id", noted_discipline="discipline").unique()
    here, there = nw.col("clinic_id"), nw.col("noted_at")
    met = (
        claim_lines.select(*LINE, on, "clinic_id", *DISCIPLINES)
        .join(maybe, on=on)
        .filter(same_discipline() & (here.is_null() | there.is_null() | (here == there)))
    )
    return _marked(met, f"without_{lacks}")


def _of_another_day(
    claim_lines: nw.LazyFrame,
    notes: nw.LazyFrame,
    attended: nw.LazyFrame,
    interventions: nw.LazyFrame,
    here: nw.LazyFrame,
    tolerance: str,
) -> nw.LazyFrame:
    """The note of another day that documents a line without one of its own day: claim_id, line, other_note_id, note_on."""
    open_lines = claim_lines.join(here.select(*LINE).unique(), on=LINE, how="anti")
    dated = attended.filter(~nw.col("service_date").is_null()).select("note_id", note_on="service_date")
    named = (
        open_lines.filter(~nw.col("service_date").is_null())
        .select(*LINE, "note_id", "service_date")
        .join(dated, on="note_id")
        .filter(nw.col("note_on") != nw.col("service_date"))
        .select(*LINE, candidate="note_id", distance=nw.lit(0, dtype=nw.Int64))
    )
    near = _near(open_lines, attended.filter(nw.col("is_visit")), interventions, here, tolerance)
    near = near.join(named.select(*LINE), on=LINE, how="anti")
    ranked = nw.concat([named, near], how="vertical").with_columns(
        rank=nw.concat_str([nw.col("distance").cast(nw.String), nw.lit("|"), nw.col("candidate")])
    )
    nearest = ranked.group_by(*LINE).agg(rank=nw.col("rank").min())
    chosen = ranked.join(nearest, on=[*LINE, "rank"]).select(*LINE, other_note_id="candidate")
    return chosen.join(
        notes.select(other_note_id="note_id", note_on="service_date"), on="other_note_id", how="left"
    )


def _near(
    open_lines: nw.LazyFrame,
    visits: nw.LazyFrame,
    interventions: nw.LazyFrame,
    here: nw.LazyFrame,
    tolerance: str,
) -> nw.LazyFrame:
    """Visits near a line without a note, that no line of their own day bills and that may hold its code."""
    billed = here.select(note_id="day_note_id").unique()
    coded = interventions.filter(~nw.col("cpt").is_null())
    holds = coded.select(candidate="note_id", cpt="cpt").unique().with_columns(holds=nw.lit(1))
    candidates = visits.join(billed, on="note_id", how="anti").select(
        "patient_id", "treated", candidate="note_id", note_on="service_date", noted_discipline="discipline"
    )
    days = (nw.col("note_on") - nw.col("service_date")).dt.total_minutes().abs() // MINUTES_OF_A_DAY
    return (
        open_lines.select(*LINE, "patient_id", "service_date", "cpt", *DISCIPLINES, tolerance)
        .join(candidates, on="patient_id")
        .filter(same_discipline())
        .with_columns(distance=days)
        .filter((nw.col("distance") > 0) & (nw.col("distance") <= nw.col(tolerance)))
        .with_columns(nw.col("distance").cast(nw.Int64))
        .join(holds, on=["candidate", "cpt"], how="left")
        .filter(~nw.col("treated") | yes("holds"))
        .select(*LINE, "candidate", "distance")
    )


def _first_note(claim_lines: nw.LazyFrame, notes: nw.LazyFrame) -> nw.LazyFrame:
    """The day of the patient's first note of the line's discipline, whatever it says: claim_id, line, first_note_on."""
    first = notes.group_by("patient_id", "discipline").agg(first_note_on=nw.col("service_date").min())
    return (
        claim_lines.select(*LINE, "patient_id", *DISCIPLINES)
        .join(first.rename({"discipline": "noted_discipline"}), on="patient_id")
        .filter(same_discipline())
        .group_by(*LINE)
        .agg(first_note_on=nw.col("first_note_on").min())
    )


def billed_visits(visits: nw.LazyFrame, lines: nw.LazyFrame) -> nw.LazyFrame:
    """The note_id of visits for which some line of `lines` stands: it names them, or is of their day and discipline.

    `lines` needs claim_id, line, note_id, patient_id, service_date and the columns in DISCIPLINES.
    """
    named = lines.filter(~nw.col("note_id").is_null()).select("note_id")
    of_day = notes_of_the_day(lines, visits).select(note_id="day_note_id")
    return nw.concat([named, of_day], how="vertical").unique()

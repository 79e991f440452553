"""CON-01: one person's one-on-one minutes with two patients at the same time."""

import narwhals as nw

from compliance.checks.one_on_one.sessions import (
    PERSON_DAY,
    WINDOW,
    billed,
    clock_times,
    least,
    most,
    of_unknown_role,
    one_on_one,
    pairs,
    said,
    within,
)  # fmt: skip
from compliance.checks.rule import rule
from compliance.checks.supervision.taken_out import counted_by
from compliance.checks.terms import (
    ASSISTANT_MODIFIERS,
    flag,
    has_code,
    is_timed,
    joined,
    judge,
    kept,
    ruled,
    yes,
)
from compliance.checks.units.allocation import CLOCK, MIDPOINT, POOLED, supported

PATIENT_DAY = ["patient_id", "discipline", "service_date"]
DAY = [*PATIENT_DAY, "payer_id"]
LINE = ["claim_id", "line"]


@rule(
    code="CON-01",
    title="One-on-one time with two patients at once",
    severity="medium",
    subject="line",
    unit="line of a timed code",
    cites=["cms-11-scenarios", "mcpm-5-20.2"],
    needs=["interventions.started_at", "interventions.ended_at", "claim_lines.cpt"],
    parameters=["one_on_one_overlap_minutes", "unit_method", *CLOCK],
    exposes="line",
    message={
        "lost": "{provider} was one-on-one with more than one patient for {overlap_minutes} minutes on {service_date}, "
        "here with {cpt}; without those minutes {lost} of {units} billed units fall away",
        "held": "{provider} was one-on-one with more than one patient for {overlap_minutes} minutes on {service_date}, "
        "here with {cpt}; no billed unit rests on those minutes",
    },
    fix={
        "lost": "Split or re-code the overlapping minutes. If the patients were treated together, bill each one group unit "
        "(97150).",
        "held": "Correct the times of whichever note is wrong. No unit of this line falls away.",
    },
    scope="therapist_day",
)
def overlapping_one_on_one(interventions: nw.LazyFrame, claim_lines: nw.LazyFrame) -> nw.LazyFrame:
    """The same person gave one-on-one minutes to two patients at the same time.

    ## What it checks
    Each line of a timed code against the clock times of everything that the same therapist or assistant gave other
    patients one-on-one on that day. Each line on each side of an overlap is a finding.

    ## Why it matters
    One-on-one time is paid for one patient. Minutes that two patients share count for neither of them, and the units
    that rest on them are not payable.

    ## How we read the rule
    - A service is one-on-one where its mode says so (one-on-one or co-treatment), or says nothing and the code is timed.
    - Group and concurrent services, and time of aides and students, are no one-on-one time of the therapist. A group that was
      billed one-on-one is CON-04's, and accused there alone.
    - An assistant is another person: a therapist and an assistant may each treat a patient at the same time.
    - Two windows that share no more than the tolerance are clocks that differ, no overlap.
    - Times may be longer than the minutes: three patients in turns within the same 45 minutes are fine, 15 minutes
      each. Only minutes that cannot be fitted into the window are an overlap.
    - A service whose note has no day is of the day of its start, else of its line.
    - Services without times of their own lie somewhere within their visit. What cannot be fitted even there overlaps; what
      might fit cannot be told.
    - The overlapping minutes leave the day's timed minutes of both patients. Lost units follow from the rest: of the
      day together (8-minute rule), or of each code (midpoint rule). Where the payer's way is not known, the counting
      that takes fewer units away stands.
    - Where no billed unit falls away the finding stands, without dollars.

    ## What it does not check
    Overlaps with evaluations and other untimed services. Whether the minutes may be billed as a group instead. Two codes
    that share minutes of one patient (UNIT-04). Sides of an overlap that no line bills.
    """
    tolerance = nw.coalesce(nw.col("one_on_one_overlap_minutes"), nw.lit(0))
    sessions = kept(
        billed(one_on_one(interventions), claim_lines, ["one_on_one_overlap_minutes"]).select(
            *LINE, *WINDOW, "session", "deliverer", "own", "lasts", "exact", "cpt", tolerance=tolerance
        )
    )
    met = kept(pairs(sessions))
    bare = kept(_without_record(claim_lines, interventions))
    told = sessions.join(_overlaps(met), on="session", how="left").join(
        _hours_known(sessions, bare), on=[*PERSON_DAY, "patient_id"], how="left"
    )
    units = _with_lost(kept(_judged_lines(claim_lines, bare, told)), interventions)
    key = ["note_id", "cpt"]
    units = units.join(of_unknown_role(interventions, key), on=key, how="left")
    fits = nw.col("overlap") == 0
    judged = judge(
        units,
        applies=(yes("matched") | yes("unroled") | (nw.col("recorded") == 0))
        & ruled("one_on_one_overlap_minutes"),
        cannot_tell={
            "therapists.role": fits & yes("unroled"),
            "notes.therapist_id": fits & yes("unnamed"),
            "interventions.started_at": fits & (yes("unclocked") | (nw.col("recorded") == 0)),
        },
        fails=~fits,
    )
    units = kept(
        judged.select(
            *LINE, "outcome", "missing", "cpt", "service_date", "patient_id", "discipline", "clinic_id", "payer_id",
            "note_id", "provider", "timed_minutes", "units", "lost", "counted",
            "one_on_one_overlap_minutes", "one_on_one_overlap_minutes__id", "unit_method__id",
            therapist_id="person_id", overlap_minutes="overlap", exposed_units="lost",
            case=nw.when(nw.col("lost") > 0).then(nw.lit("lost")).otherwise(nw.lit("held")),
        )
    )  # fmt: skip
    failed = units.filter(nw.col("outcome") == "failed").select(*LINE)
    return units.join(_shown(met, sessions, failed), on=LINE, how="left")


def _overlaps(met: nw.LazyFrame) -> nw.LazyFrame:
    """Of each crowded session `overlap`, its minutes that cannot be fitted in, and `vague`: the times are a visit's.

    Sessions of one patient that share a window share its overlap as well: the first of them bears it.
    """
    other = (nw.col("same") == 0) & (nw.col("shared") > nw.col("tolerance"))
    ours = nw.when(nw.col("same") > 0).then(nw.col("inside")).otherwise(nw.lit(0))
    theirs = nw.when(other).then(nw.col("inside")).otherwise(nw.lit(0))
    first = nw.when(nw.col("session_other") < nw.col("session")).then(ours).otherwise(nw.lit(0))
    loads = met.with_columns(
        ours=ours,
        theirs=theirs,
        first=first,
        vague=flag(other & ((nw.col("exact") == 0) | (nw.col("exact_other") == 0))),
    )
    summed = loads.group_by("session", "lasts", "own", "tolerance").agg(
        *(nw.col(name).sum() for name in ("ours", "theirs", "first")), nw.col("vague").max()
    )
    excess = least(nw.col("ours"), nw.col("lasts")) + nw.col("theirs") - nw.col("lasts")
    excess = within(least(excess, nw.col("theirs")) - nw.col("first"), nw.col("own"))
    return summed.with_columns(excess=excess).select(
        "session", "vague",
        overlap=nw.when(nw.col("excess") > nw.col("tolerance")).then(nw.col("excess")).otherwise(nw.lit(0)),
    )  # fmt: skip


def _hours_known(sessions: nw.LazyFrame, bare: nw.LazyFrame) -> nw.LazyFrame:
    """Of a person, day and patient `unclocked`: hours of theirs, or of another patient of that day, are not known."""
    whose = [
        sessions.select(*PERSON_DAY, "patient_id", lacks=flag(nw.col("begins").is_null())),
        bare.filter(~has_code("modifiers", ASSISTANT_MODIFIERS))
        .select(
            "service_date",
            "patient_id",
            person_id=nw.coalesce(nw.col("note_therapist_id"), nw.col("therapist_id")),
            lacks=flag(nw.lit(True)),
        )
        .select(*PERSON_DAY, "patient_id", "lacks"),
    ]
    by_patient = (
        nw.concat(whose, how="vertical").group_by(*PERSON_DAY, "patient_id").agg(nw.col("lacks").max())
    )
    by_day = by_patient.group_by(*PERSON_DAY).agg(
        patients=nw.col("lacks").count(), lacking=nw.col("lacks").sum()
    )
    mine = (nw.col("lacks") > 0) & (nw.col("patients") > 1)
    return by_patient.join(by_day, on=list(PERSON_DAY), how="inner").select(
        *PERSON_DAY, "patient_id", unclocked=flag(mine | (nw.col("lacking") > nw.col("lacks")))
    )


def _without_record(claim_lines: nw.LazyFrame, interventions: nw.LazyFrame) -> nw.LazyFrame:
    """Timed lines whose note does not record the code."""
    held = interventions.filter(nw.col("attended")).select("note_id", "cpt").unique()
    return (
        claim_lines.filter(is_timed())
        .join(held, on=["note_id", "cpt"], how="anti")
        .select(*LINE, "service_date", "patient_id", "modifiers", "note_therapist_id", "therapist_id")
    )


def _judged_lines(claim_lines: nw.LazyFrame, bare: nw.LazyFrame, sessions: nw.LazyFrame) -> nw.LazyFrame:
    """Every timed line with its sessions' overlap, who gave them, and what is not known of them."""
    by_line = (
        sessions.filter(~nw.col("claim_id").is_null())
        .with_columns(
            unnamed=flag(nw.col("person_id").is_null()),
        )
        .group_by(*LINE)
        .agg(
            nw.col("person_id").min(),
            nw.col("overlap").sum(),
            nw.col("unnamed").max(),
            provider=nw.col("deliverer").min(),
            unclocked=nw.col("unclocked").max(),
            vague=nw.col("vague").max(),
            matched=nw.col("session").count(),
        )
    )
    bare = bare.select(*LINE, bare=flag(nw.lit(True)))
    unknown = flag(yes("unclocked") | yes("vague"))
    return (
        claim_lines.filter(is_timed())
        .join(by_line, on=LINE, how="left")
        .join(bare, on=LINE, how="left")
        .with_columns(
            overlap=nw.coalesce(nw.col("overlap"), nw.lit(0)).cast(nw.Int64),
            unclocked=unknown,
            recorded=nw.lit(1) - nw.coalesce(nw.col("bare"), nw.lit(0)),
        )
    )


def _with_lost(lines: nw.LazyFrame, interventions: nw.LazyFrame) -> nw.LazyFrame:
    """Add `lost`, the billed units that fall away with the overlap, `counted`, by which way, and `timed_minutes`.

    Worked out where minutes overlap: null, but for `lost` (0), of all other lines.
    """
    crowded = lines.filter(nw.col("overlap") > 0)
    patients, noted = (crowded.select(name).unique() for name in ("patient_id", "note_id"))
    timed = clock_times(interventions.filter(nw.col("attended") & is_timed()))
    told = timed.with_columns(told=nw.coalesce(nw.col("minutes"), nw.col("lasts"), nw.lit(0)))
    of_code, of_day = (
        told.join(noted, on="note_id", how="semi"),
        told.join(patients, on="patient_id", how="semi"),
    )
    by_code = of_code.group_by("note_id", "cpt").agg(code_minutes=nw.col("told").sum())
    by_day = of_day.group_by(PATIENT_DAY).agg(timed_minutes=nw.col("told").sum())
    units = nw.coalesce(nw.col("units"), nw.lit(0))
    billed_units = (
        lines.join(patients, on="patient_id", how="semi")
        .with_columns(units=units)
        .group_by(DAY)
        .agg(day_units=nw.col("units").sum())
    )
    order = nw.concat_str([nw.col("claim_id"), nw.col("line").cast(nw.String)], separator="|")
    rows = (
        crowded.select(*LINE, *DAY, "note_id", "cpt", "units", "overlap", "unit_method", *CLOCK)
        .join(by_code, on=["note_id", "cpt"], how="left")
        .join(by_day, on=PATIENT_DAY, how="left")
        .join(billed_units, on=DAY, how="left")
        .with_columns(order=order, billable=units)
        .with_columns(removed=nw.col("overlap").cum_sum().over(*DAY, order_by="order"))
    )
    pooled = _units("day_units", "timed_minutes", nw.col("removed") - nw.col("overlap")) - _units(
        "day_units", "timed_minutes", nw.col("removed")
    )
    single = _units("billable", "code_minutes", nw.lit(0)) - _units(
        "billable", "code_minutes", nw.col("overlap")
    )
    rows = rows.with_columns(
        pooled=within(pooled, nw.col("billable")), single=within(single, nw.col("billable"))
    )
    way = nw.col("unit_method")
    fewer = least(nw.col("pooled"), nw.col("single"))
    lost = nw.when(way == MIDPOINT).then(nw.col("single")).otherwise(fewer)
    rows = rows.select(
        *LINE, "timed_minutes", lost=nw.when(way == POOLED).then(nw.col("pooled")).otherwise(lost), counted=counted_by(way)
    )  # fmt: skip
    return lines.join(rows, on=LINE, how="left").with_columns(
        lost=nw.coalesce(nw.col("lost"), nw.lit(0)).cast(nw.Int64)
    )


def _units(billed_units: str, minutes: str, removed: nw.Expr) -> nw.Expr:
    """Billed units that stand on the minutes that are left."""
    left = most(nw.coalesce(nw.col(minutes), nw.lit(0)) - removed, nw.lit(0))
    return least(nw.col(billed_units), supported(left))


def _shown(met: nw.LazyFrame, sessions: nw.LazyFrame, failed: nw.LazyFrame) -> nw.LazyFrame:
    """For failed lines `sessions`: their own and the other patients' that share time, in order of the clock."""
    lines = sessions.filter(~nw.col("claim_id").is_null()).select("session", *LINE)
    own = nw.col("session") == nw.col("session_other")
    rows = (
        met.filter(own | (nw.col("same") == 0))
        .join(lines, on="session", how="inner")
        .join(failed, on=LINE, how="inner")
        .with_columns(sessions=said("_other"))
    )
    return joined(
        rows,
        by=LINE,
        text="sessions",
        order_by=["begins_other", "ends_other", "session_other"],
        separator="; ",
    )

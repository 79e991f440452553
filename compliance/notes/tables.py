"""What reading the notes gives the checks: `mentions`, `goal_links`, `note_facts`, `goal_facts`, `searched`; and
`contact_mentions`, what the texts of supervision contacts say (the columns of `mentions`, by contact_id);
`note_likeness`, which notes repeat another; `goal_levels`, where a note says that a goal stands.

Reading happens once, when an audit starts; rules see only these tables. Their columns are documented in
`reading`, `linking` and `facts`.
"""

from collections.abc import Mapping

import polars as pl

from compliance.notes.facts import facts_table, goal_facts
from compliance.notes.levels import goal_levels
from compliance.notes.likeness import likeness_table
from compliance.notes.linking import link_table, searched_table
from compliance.notes.reading import mention_table, read

THERAPEUTIC_ACTIVITIES = "97530"


def spoken(notes: pl.DataFrame, interventions: pl.DataFrame) -> pl.DataFrame:
    """Notes whose text also holds what was written at each intervention, as a section of its code.

    An intervention without a text of its own is spoken for by the note; one whose text the note already holds adds
    nothing. `notes` needs note_id and text; the other columns pass through.
    """
    own = interventions.filter(pl.col("text").str.strip_chars().str.len_chars() > 0)
    if own.is_empty():
        return notes
    sections = (
        own.join(notes.select("note_id", whole="text"), on="note_id")
        .filter(~pl.col("whole").fill_null("").str.contains(pl.col("text"), literal=True))
        .sort("note_id", "line")
        .group_by("note_id", maintain_order=True)
        .agg(
            sections=pl.concat_str(pl.col("cpt").fill_null(""), pl.lit(": "), pl.col("text")).str.join("\n"),
        )
    )
    both = pl.concat_str("text", "sections", separator="\n", ignore_nulls=True)
    return (
        notes.join(sections, on="note_id", how="left", maintain_order="left")
        .with_columns(text=pl.when(pl.col("sections").is_null()).then(pl.col("text")).otherwise(both))
        .drop("sections")
    )


def reading_tables(
    notes: pl.DataFrame, goals: pl.DataFrame, contacts: pl.DataFrame
) -> Mapping[str, pl.DataFrame]:
    """The tables of readings. `notes`: note_id, text, plan_id, service_date; `goals`, `contacts`: the contract's."""
    mentions = mention_table(notes)
    links = link_table(notes, goals, mentions)
    return {
        "mentions": mentions,
        "goal_links": links,
        "goal_levels": goal_levels(notes, mentions, links),
        "note_facts": facts_table(mentions, notes, THERAPEUTIC_ACTIVITIES),
        "goal_facts": goal_facts(goals),
        "searched": searched_table(notes, goals),
        "note_likeness": likeness_table(notes),
        "contact_mentions": mention_table(contacts.select("text", note_id="contact_id")).rename(
            {"note_id": "contact_id"}
        ),
    }


def mentions_of(text: str) -> list[tuple[int, int, str]]:
    """Everything that was read in one text: start, end, kind; negated words are left out."""
    return [(each.start, each.end, each.kind) for each in read(text) if not each.negated]

"""How well notes are read: recall over the findings that labels demand, silence over those they forbid.

Run as `python -m compliance.notes.measure [FILE]`; FILE is JSON lines with id, goals, text, must, must_not.
"""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl

from compliance.notes.facts import facts_table
from compliance.notes.linking import link_table
from compliance.notes.reading import mention_table

LABELLED = Path(__file__).parents[2] / "tests" / "data" / "labelled_notes.jsonl"
RULES = ("DOC-01", "DOC-02", "DOC-03", "DOC-04", "DOC-05", "DOC-06")
CODE = "97530"


def labelled(path: Path) -> list[dict[str, Any]]:
    """The labelled notes of a file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def found(notes: list[dict[str, Any]]) -> dict[str, set[str]]:
    """The documentation rules that each note breaks, by note id; as the rules read the same tables."""
    texts = pl.DataFrame(
        [(note["id"], note["id"], note["text"]) for note in notes],
        schema={"note_id": pl.String, "plan_id": pl.String, "text": pl.String}, orient="row",
    )  # fmt: skip
    goals = pl.DataFrame(
        [(f"{note['id']}/{n}", note["id"], goal["label"], goal["text"], goal["status"])
         for note in notes for n, goal in enumerate(note["goals"])],
        schema={"goal_id": pl.String, "plan_id": pl.String, "label": pl.String, "text": pl.String, "status": pl.String},
        orient="row",
    )  # fmt: skip
    facts = facts_table(mention_table(texts), texts, CODE)
    links = link_table(texts, goals).filter(pl.col("code").is_null() | pl.col("code").eq(CODE))
    by_label = links.filter("links", pl.col("how").eq("label"))
    # a note whose only labels are none of the plan's does not link by its meaning either
    unknown = links.filter(pl.col("why_not").eq("unknown_label"))
    by_meaning = links.filter("links").join(unknown, on="note_id", how="anti")
    alike = pl.col("why_not").eq("perhaps")
    named = links.filter(pl.col("why_not").is_not_null() & ~alike)
    perhaps = links.filter(alike).join(named, on="note_id", how="anti")
    linked = {*by_label["note_id"], *by_meaning["note_id"], *perhaps["note_id"]}
    broken = {
        "DOC-02": pl.col("assistance").eq("none") & ~pl.col("assistance_unclear"),
        "DOC-03": pl.col("passive_only"),
        "DOC-04": pl.col("exercise_only"),
        "DOC-05": ~pl.col("specific_activity"),
        "DOC-06": pl.col("response").eq("no"),
    }
    result = {note["id"]: set() if note["id"] in linked else {"DOC-01"} for note in notes}
    for rule, fails in broken.items():
        for note_id in facts.filter(fails)["note_id"]:
            result[note_id].add(rule)
    return result


def errors(notes: list[dict[str, Any]]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """(note id, rule) of demanded findings that are missing, and of forbidden ones that are there."""
    by_note = found(notes)
    missed = [
        (note["id"], rule) for note in notes for rule in note["must"] if rule not in by_note[note["id"]]
    ]
    wrong = [(note["id"], rule) for note in notes for rule in note["must_not"] if rule in by_note[note["id"]]]
    return missed, wrong


def main(path: Path) -> None:
    """Print recall and silence per rule and in total, then every error."""
    notes = labelled(path)
    missed, wrong = errors(notes)
    must = Counter(rule for note in notes for rule in note["must"])
    must_not = Counter(rule for note in notes for rule in note["must_not"])
    missing, false = Counter(rule for _, rule in missed), Counter(rule for _, rule in wrong)
    print(f"{path.name}: {len(notes)} notes")
    print(f"{'rule':8}{'recall over must':>22}{'silence over must_not':>26}")
    for rule in RULES:
        print(f"{rule:8}{_share(must[rule] - missing[rule], must[rule]):>22}"
              f"{_share(must_not[rule] - false[rule], must_not[rule]):>26}")  # fmt: skip
    print(f"{'total':8}{_share(must.total() - len(missed), must.total()):>22}"
          f"{_share(must_not.total() - len(wrong), must_not.total()):>26}")  # fmt: skip
    why = {note["id"]: note.get("why", "") for note in notes}
    for title, listed in (("missed", missed), ("wrongly found", wrong)):
        for note_id, rule in listed:
            print(f"{title}: {note_id} {rule}  {why[note_id]}")


def _share(right: int, of: int) -> str:
    return f"{right}/{of} {100 * right / of:.1f} %" if of else "none"


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else LABELLED)

"""Lexicons: the words of the field, kept as YAML that a compliance officer can read and widen.

How a phrase is written:

- words are matched whole, in any case, hyphens or none; a plural matches its singular;
- `lift+` every form of a verb: lift, lifts, lifted, lifting;
- `ambulat*` every word that begins so;
- `{n}` a number, typed or spoken;
- `[assist]` may be missing; `(bed|chair)` one of several;
- `..` up to three words in between, within one clause; `.. ..` up to six;
- `→` any arrow (`<->`, `↔`, `->`).

A lexicon file has `kind`, `description`, `source`, `verified` and `values`: what a mention says, and the phrases
that say it. `tasks` lists, for one value, also the `action` and the `object` that it is about, for linking to goals.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from compliance.notes.words import Word, number_of, words
from compliance.strict_yaml import read_own

FOLDER = Path(__file__).with_name("lexicons")
NUMBER = "{n}"
GAP = ".."
CODE = re.compile(r"(?:9[0-9]{4}|g0[0-9]{3}|s[0-9]{4})")
"""A CPT or HCPCS code of therapy; it counts nothing."""
GAP_LENGTH = 3
STOPS = frozenset(".;:\n!?,•|")
"""Signs that no gap crosses."""
SHORTEST_MISSPELT = 7
"""Words shorter than this are taken as they are written."""
LONGEST_WORD = 24
MOST_WORDS_KNOWN = 200_000
MOST_PLACES = 1_000_000
"""Steps between words that are remembered before all are forgotten."""


class Sense(NamedTuple):
    """What a phrase says: kind and value."""

    kind: str
    value: str


@dataclass
class Node:
    """A place in the tree of phrases."""

    next: dict[str, "Node"] = field(default_factory=dict)
    senses: list[Sense] = field(default_factory=list)


class Match(NamedTuple):
    """Words `first` to `last` (exclusive) of a note say `sense`."""

    first: int
    last: int
    sense: Sense


@dataclass
class Phrases:
    """All phrases of some lexicons, ready for matching."""

    root: Node = field(default_factory=Node)
    stems: dict[str, list[str]] = field(default_factory=dict)
    vocabulary: dict[str, list[str]] = field(default_factory=dict)
    longest_stem: int = 0
    known: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Words met so far, with the entries that they may follow."""
    _start: "Place | None" = None
    _by_nodes: dict[tuple[Any, ...], "Place"] = field(default_factory=dict)
    _places: int = 0
    """How many steps are remembered."""

    def add(self, phrase: str, senses: list[Sense]) -> None:
        """Add every way of writing `phrase`. One of several single words is one entry, to keep the tree small."""
        for row in product(*_steps(phrase)):
            steps = [step for part in row for step in part]
            if not steps:
                continue
            node = self.root
            for step in steps:
                node = node.next.setdefault(self._entry(step), Node())
            node.senses.extend(sense for sense in senses if sense not in node.senses)

    def _entry(self, step: tuple[str, ...]) -> str:
        """The entry of a step: its word, or the words of which one is wanted."""
        entry = "|".join(step)
        for word in step:
            table = self.stems if word.endswith("*") else self.vocabulary
            if word.endswith("*"):
                self.longest_stem = max(self.longest_stem, len(word) - 1)
            entries = table.setdefault(word.removesuffix("*"), [])
            if entry not in entries:
                entries.append(entry)
        return entry

    def keys(self, spelling: str) -> tuple[str, ...]:
        """The entries of the tree that a word may follow."""
        known = self.known.get(spelling)
        if known is None:
            known = self._find_keys(spelling)
            if len(self.known) < MOST_WORDS_KNOWN:
                self.known[spelling] = known
        return known

    def _find_keys(self, spelling: str) -> tuple[str, ...]:
        found = list(self.vocabulary.get(spelling, ()))
        if len(spelling) > 3 and spelling.endswith("s"):
            for short in _singulars(spelling):
                found += self.vocabulary.get(short, ())
        for n in range(2, min(len(spelling), self.longest_stem) + 1):
            found += self.stems.get(spelling[:n], ())
        if number_of(spelling) is not None and not CODE.fullmatch(spelling):
            found += self.vocabulary.get(NUMBER, ())
        if not found and SHORTEST_MISSPELT <= len(spelling) <= LONGEST_WORD and spelling not in known_words():
            near = next((word for word in _misspelt(spelling) if self._may_be(word, spelling)), "")
            found += self.vocabulary.get(near, ())
        return tuple(dict.fromkeys(found))

    def _may_be(self, word: str, spelling: str) -> bool:
        """Whether `spelling` may be a slip for `word`; another form of it ("improve", "improved") is none."""
        return word in self.vocabulary and not word.startswith(spelling) and not spelling.startswith(word)

    def matches(self, note: list[Word]) -> Iterator[Match]:
        """Every match of every phrase; the longest of each sense from each word."""
        spellings = [word.spelling for word in note]
        begin = self._beginning()
        begins = begin.after
        for first, spelling in enumerate(spellings):
            # written out, for most words begin nothing: a call a word would double the time of reading
            place = begins[spelling] if spelling in begins else self._find_after(begin, spelling)
            if place is None:
                continue
            best: dict[Sense, int] = {}
            for at in range(first + 1, len(spellings)):
                following = spellings[at]
                for sense in place.senses:
                    best[sense] = at
                after = place.after
                place = after[following] if following in after else self._find_after(place, following)
                if place is None:
                    break
            else:
                for sense in place.senses:
                    best[sense] = len(spellings)
            for sense, last in best.items():
                yield Match(first, last, sense)

    def _beginning(self) -> "Place":
        if self._places > MOST_PLACES or self._start is None:
            self._start, self._places, self._by_nodes = _place([(self.root, None)]), 0, {}
        return self._start

    def _find_after(self, place: "Place", spelling: str) -> "Place | None":
        """Where a word leads; None where no phrase goes on. Found once for each place and word."""
        self._places += 1
        keys = self.keys(spelling)
        reached: dict[tuple[int, int | None], tuple[Node, int | None]] = {}
        for node, left in place.nodes:
            for key in keys:
                if key in node.next:
                    reached[id(node.next[key]), None] = (node.next[key], None)
            if left and spelling not in STOPS:
                reached[id(node), left - 1] = (node, left - 1)
        merged = tuple(sorted(reached, key=lambda item: (item[0], -1 if item[1] is None else item[1])))
        found = self._by_nodes.get(merged) if merged else None
        if merged and found is None:
            found = self._by_nodes[merged] = _place(list(reached.values()))
        place.after[spelling] = found
        return found


@dataclass
class Place:
    """Where reading stands within phrases: the nodes of the tree that the words so far lead to.

    Each node has with it how many more words its gap may take, or None outside a gap. `after` holds the place that
    each next word leads to, as far as it was asked for: a note then costs one look-up a word.
    """

    nodes: list[tuple[Node, int | None]]
    senses: list[Sense]
    after: dict[str, "Place | None"] = field(default_factory=dict)


def _place(nodes: list[tuple[Node, int | None]]) -> Place:
    """The place of some nodes, with the gaps that begin at them."""
    entered = [node for node, left in nodes if left is None]
    gaps = [gap for node in entered for gap in _gaps(node)]
    senses = dict.fromkeys(sense for node in entered for sense in node.senses)
    return Place([*nodes, *gaps], list(senses))


def _gaps(node: Node) -> Iterator[tuple[Node, int]]:
    """The gaps that begin at a node: after one may come another, and they add up."""
    length = GAP_LENGTH
    while GAP in node.next:
        node = node.next[GAP]
        yield node, length
        length += GAP_LENGTH


def _singulars(word: str) -> Iterator[str]:
    yield word[:-1]
    if word.endswith(("ses", "xes", "zes", "ches", "shes", "oes")):
        yield word[:-2]
    if word.endswith("ies"):
        yield word[:-3] + "y"


def _misspelt(word: str) -> Iterator[str]:
    """Words one slip away, with the same first letter: two letters swapped, one doubled, one left out.

    One letter typed for another is no slip here: "setting" is not "sitting", nor "planning" "planting".
    """
    letters = "abcdefghijklmnopqrstuvwxyz"
    for n in range(1, len(word)):
        head, tail = word[:n], word[n:]
        if len(tail) > 1:
            yield head + tail[1] + tail[0] + tail[2:]
        if word[n] == word[n - 1]:
            yield head + tail[1:]
        for letter in letters:
            yield head + letter + tail


@cache
def known_words() -> frozenset[str]:
    """Words that are what they are, and no slip for another: those of every lexicon, and plain English ones."""
    known = {word for group in ("mentions", "frame") for word in phrases(group).vocabulary}
    return frozenset(known | set(lexicon("plain_words")["values"]["english"]))


def inflected(verb: str) -> list[str]:
    """The regular forms of a verb: lift, lifts, lifted, lifting; place, placed, placing; grip, gripped, gripping."""
    stem = verb
    if verb.endswith("e") and not verb.endswith("ee"):
        stem = verb[:-1]
        return [verb, f"{verb}s", f"{verb}d", f"{stem}ing"]
    if verb.endswith("y") and verb[-2] not in "aeou":
        return [verb, f"{stem[:-1]}ies", f"{stem[:-1]}ied", f"{verb}ing"]
    forms = [verb, f"{verb}s", f"{verb}es", f"{verb}ed", f"{verb}ing"]
    if len(verb) > 2 and verb[-1] not in "aeiouwxy" and verb[-2] in "aeiou" and verb[-3] not in "aeiou":
        forms += [f"{verb}{verb[-1]}ed", f"{verb}{verb[-1]}ing"]
    return forms


Steps = list[tuple[str, ...]]
"""A row of steps; each is the words of which one must stand there."""


def _steps(phrase: str) -> list[list[Steps]]:
    """A phrase as a row of choices, each one of several rows of steps."""
    choices: list[list[Steps]] = []
    for piece in _pieces(phrase):
        if piece.startswith("[") or (piece.startswith("(") and piece.endswith(")") and len(piece) > 2):
            options = [list(row) for option in _options(piece[1:-1]) for row in product(*_steps(option))]
            rows = [[step for part in row for step in part] for row in options]
            single = tuple(dict.fromkeys(word for row in rows if len(row) == 1 for word in row[0]))
            longer = [row for row in rows if len(row) != 1]
            choices.append(
                [*([[single]] if single else []), *longer, *([[]] if piece.startswith("[") else [])]
            )
        elif piece in (GAP, NUMBER):
            choices.append([[(piece,)]])
        elif piece.endswith("+") and len(piece) > 2:
            choices.append([[tuple(inflected(piece[:-1]))]])
        elif piece.endswith("*") and len(piece) > 2:
            choices.append([[(piece.lower(),)]])
        else:
            choices.append([[(word.spelling,) for word in words(piece)]])
    return choices


def _pieces(phrase: str) -> list[str]:
    """Split at blanks outside brackets."""
    return _split(phrase, " ")


def _options(choice: str) -> list[str]:
    """The alternatives of a choice; they may hold choices of their own."""
    return _split(choice, "|")


def _split(phrase: str, separator: str) -> list[str]:
    padded, pieces, depth, start = f"{phrase}{separator}", [], 0, 0
    for place, sign in enumerate(padded):
        if sign == "[" or (sign == "(" and padded[place + 1 : place + 2] not in (" ", "|", ")")):
            depth += 1
        elif sign in "])" and depth:
            depth -= 1
        elif sign == separator and depth == 0:
            if piece := padded[start:place].strip():
                pieces.append(piece)
            start = place + 1
    return pieces


@cache
def lexicon(name: str) -> dict[str, Any]:
    """One lexicon file as written; raises ValueError when a required entry is missing."""
    content = read_own(FOLDER / f"{name}.yaml")
    missing = [entry for entry in ("description", "source", "verified") if entry not in content]
    if missing:
        raise ValueError(f"{name}.yaml lacks {', '.join(missing)}; every lexicon states them.")
    return content


@cache
def lexicon_names() -> tuple[str, ...]:
    """The lexicon files, in order."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


@cache
def phrases(group: str) -> Phrases:
    """The phrases of every lexicon of a group: `mentions` for what a note says, `frame` for how it is said."""
    tree = Phrases()
    for name in lexicon_names():
        content = lexicon(name)
        if content.get("group", "mentions") != group:
            continue
        for value, given in content.get("values", {}).items():
            for phrase in given:
                tree.add(phrase, [Sense(content["kind"], value)])
        for value, task in content.get("tasks", {}).items():
            senses = [Sense(content["kind"], value)]
            senses += [Sense("action", name) for name in task.get("action", [])]
            senses += [Sense("object", name) for name in task.get("object", [])]
            for phrase in task["words"]:
                tree.add(phrase, senses)
    return tree

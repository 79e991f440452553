"""The words of documents: base64 attachments and XHTML as plain text."""

import base64
import binascii
import re
from collections.abc import Sequence
from html.parser import HTMLParser

from compliance.records.fhir_models import Attachment, Section
from compliance.records.raw import LONGEST_CELL

DEEPEST = 10
"""Sections within sections that are read."""
PLAIN, MARKED_UP = {"text/plain", "text/markdown"}, {"text/html", "application/xhtml+xml", "text/xhtml"}
BREAKS = {
    "p",
    "div",
    "br",
    "li",
    "tr",
    "table",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "ul",
    "ol",
    "dl",
    "dt",
    "dd",
    "pre",
}
CELLS = {"td", "th"}
UNSEEN = {"script", "style", "head", "title"}


class Unreadable(ValueError):
    """Words that cannot be read: where in the resource, what was found, what was expected."""

    def __init__(self, path: str, found: str, expected: str) -> None:
        super().__init__(found)
        self.path, self.found, self.expected = path, found, expected


class _Words(HTMLParser):
    """The words of markup, lines as a reader sees them; within `pre` as written."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.lines: list[str] = [""]
        self.preformatted = self.unseen = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        """Begin a line, a cell, or something unseen."""
        if tag in UNSEEN:
            self.unseen += 1
        if tag == "pre":
            self.preformatted += 1
        if tag == "br" or (tag in BREAKS and self.lines[-1].strip()):
            self.lines.append("")
        elif tag in CELLS and self.lines[-1].strip():
            self.lines[-1] += " "

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        """An element without content."""
        self.handle_starttag(tag, attrs)
        if tag != "br":
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        """End it."""
        if tag in UNSEEN:
            self.unseen = max(self.unseen - 1, 0)
        if tag == "pre":
            self.preformatted = max(self.preformatted - 1, 0)
        if tag in BREAKS and tag != "br" and self.lines[-1].strip():
            self.lines.append("")

    def handle_data(self, data: str) -> None:
        """Words."""
        if self.unseen:
            return
        if self.preformatted:
            first, *rest = data.split("\n")
            self.lines[-1] += first
            self.lines += rest
            return
        words = re.sub(r"[ \t\r\n\f]+", " ", data)
        self.lines[-1] += words.lstrip() if not self.lines[-1] or self.lines[-1].endswith(" ") else words


def without_markup(markup: str) -> str | None:
    """XHTML or HTML as plain text; null where it holds no words."""
    if len(markup) > 3 * LONGEST_CELL:
        raise Unreadable(
            "text.div", f"{len(markup):,} characters", f"at most {3 * LONGEST_CELL:,} characters"
        )
    reader = _Words()
    try:
        reader.feed(markup)
        reader.close()
    except (AssertionError, ValueError) as error:
        raise Unreadable("text.div", str(error)[:80], "well-formed XHTML") from None
    text = "\n".join(reader.lines).strip("\n ")
    return text or None


def content_type(attachment: Attachment) -> str:
    """The bare type of an attachment, without parameters."""
    return (attachment.contentType or "").partition(";")[0].strip().lower()


def decoded(data: str, kind: str, path: str) -> str:
    """Base64 as plain text. Raises Unreadable where it is none, or no text."""
    try:
        given = base64.b64decode("".join(data.split()), validate=True)
    except (binascii.Error, ValueError):
        raise Unreadable(path, _short(data), "text in base64") from None
    try:
        text = given.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = given.decode("cp1252", errors="replace")
    text = text.replace("\r\n", "\n").replace("\0", "")
    if kind in MARKED_UP:
        text = without_markup(text) or ""
    if len(text) > LONGEST_CELL:
        raise Unreadable(path, f"a text of {len(text):,} characters", f"at most {LONGEST_CELL:,} characters")
    return text


def readable(attachments: Sequence[Attachment]) -> int | None:
    """Which of several forms of a document to read: plain text before markup; null where none is text."""
    for kinds in (PLAIN, MARKED_UP):
        for number, each in enumerate(attachments):
            if content_type(each) in kinds and (each.data or each.url):
                return number
    return None


def of_sections(sections: Sequence[Section], depth: int = 0) -> str | None:
    """The words of a composition's sections, each under its title."""
    parts: list[str] = []
    for each in sections:
        div = each.text.div if each.text else None
        said = without_markup(div) if div else None
        inner = None
        if each.section:
            if depth >= DEEPEST:
                raise Unreadable("section", f"sections {depth + 1} deep", f"at most {DEEPEST} deep")
            inner = of_sections([Section.model_validate(one) for one in each.section], depth + 1)
        words = [part for part in (each.title, said, inner) if part]
        if said or inner:
            parts.append("\n".join(words))
    text = "\n\n".join(parts)
    if len(text) > LONGEST_CELL:
        raise Unreadable(
            "section", f"a text of {len(text):,} characters", f"at most {LONGEST_CELL:,} characters"
        )
    return text or None


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:39] + "…"

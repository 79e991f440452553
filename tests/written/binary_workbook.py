"""A workbook in Excel's binary format (`.xlsb`), of the few records that cells need."""

import io
import struct
import zipfile

TYPES = "http://schemas.openxmlformats.org/package/2006"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
NUMBERS = {"#REF!": 0x17, "#N/A": 0x2A}


def record(kind: int, content: bytes = b"") -> bytes:
    """A record: its kind and length in seven bits a byte."""
    said = bytes([kind]) if kind < 0x80 else bytes([kind & 0x7F | 0x80, kind >> 7])
    length, size = b"", len(content)
    while True:
        length += bytes([size & 0x7F | (0x80 if size > 0x7F else 0)])
        size >>= 7
        if not size:
            return said + length + content


def wide(text: str) -> bytes:
    """A text with its length before it."""
    return struct.pack("<I", len(text)) + text.encode("utf-16-le")


def cell(column: int, value) -> bytes:
    """A cell: a number, a text, or an error by its name."""
    place = struct.pack("<II", column, 0)
    if value in NUMBERS:
        return record(3, place + bytes([NUMBERS[value]]))
    if isinstance(value, (int, float)):
        return record(5, place + struct.pack("<d", value))
    return record(6, place + wide(value))


def binary_workbook(sheets: dict[str, list[list]], first_row: int = 0) -> bytes:
    """The rows of each sheet as a workbook."""
    held = io.BytesIO()
    bundle = related = b""
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, (name, rows) in enumerate(sheets.items(), start=1):
            content = record(0x81) + record(0x94, struct.pack("<4I", 0, len(rows), 0, 50)) + record(0x91)
            for place, row in enumerate(rows, start=first_row):
                content += record(0, struct.pack("<I", place) + bytes(13))
                content += b"".join(cell(at, value) for at, value in enumerate(row) if value is not None)
            archive.writestr(f"xl/worksheets/sheet{number}.bin", content + record(0x92) + record(0x82))
            bundle += record(0x9C, struct.pack("<II", 0, number) + wide(f"rId{number}") + wide(name))
            related += (
                f'<Relationship Id="rId{number}" Type="{OFFICE}/worksheet" Target="worksheets/sheet{number}.bin"/>'
            ).encode()
        book = record(0x83) + record(0x8F) + bundle + record(0x90) + record(0x9D, bytes(26)) + record(0x84)
        archive.writestr("xl/workbook.bin", book)
        archive.writestr(
            "xl/_rels/workbook.bin.rels",
            b'<Relationships xmlns="%b/relationships">%b</Relationships>' % (TYPES.encode(), related),
        )
        archive.writestr("[Content_Types].xml", f'<Types xmlns="{TYPES}/content-types"/>')
    return held.getvalue()

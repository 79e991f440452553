"""Exports of other programs: layouts that say of a file's headers which tables they fill, and what they cannot give."""

from compliance.records.layouts.files import (
    built_in,
    different,
    layout_of,
    load_layouts,
    own_layouts,
    read_layout,
)
from compliance.records.layouts.models import Layout, folded
from compliance.records.layouts.reading import Export, export_of, read_export, read_export_parquet, sample_of
from compliance.records.layouts.recognise import Recognition, recognise

__all__ = [
    "Export",
    "Layout",
    "Recognition",
    "built_in",
    "different",
    "export_of",
    "folded",
    "layout_of",
    "load_layouts",
    "own_layouts",
    "read_export",
    "read_export_parquet",
    "read_layout",
    "recognise",
    "sample_of",
]

"""The printable report (PDF) and the workbook (Excel): what the pages show, to hand over.

Every number comes from the functions that the pages call, so that paper and screen say the same. The same records,
policies, program and day give the same bytes.
"""

from compliance.reports.document import pdf
from compliance.reports.subject import Subject
from compliance.reports.workbook import xlsx

__all__ = ["Subject", "pdf", "xlsx"]

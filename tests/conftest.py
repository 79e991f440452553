"""What all tests share: readings of notes and decisions are kept in folders of the tests' own, never in the user's."""

import os
import tempfile
from pathlib import Path

os.environ["COMPLIANCE_READINGS"] = str(Path(__file__).parents[1] / ".pytest_cache" / "readings")
os.environ["COMPLIANCE_REVIEW"] = f"sqlite:///{tempfile.mkdtemp(prefix='review')}/review.db"

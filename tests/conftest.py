"""What all tests share: readings of notes are remembered in pytest's own folder, never in the user's."""

import os
from pathlib import Path

os.environ["COMPLIANCE_READINGS"] = str(Path(__file__).parents[1] / ".pytest_cache" / "readings")

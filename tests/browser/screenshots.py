"""Pictures of every page, light and dark, in both sizes: `python -m tests.browser.screenshots [FOLDER OF RECORDS]`."""

import os
import sys
import tempfile
from pathlib import Path

from tests.browser import harness
from ui.frame import PAGES

SHOTS = harness.ROOT / "docs" / "screenshots"


def main(data: Path) -> None:
    """Write `docs/screenshots/<page>-<light|dark>-<size>.png`; ends with status 1 where a page is not clean."""
    os.environ["COMPLIANCE_REVIEW"] = f"sqlite:///{tempfile.mkdtemp(prefix='review')}/review.db"
    with harness.serve(data) as address, harness.browser() as window:
        for dark in (False, True):
            for size in harness.SIZES:
                with harness.visit(window, address, dark=dark, size=size) as visitor:
                    for number, page in enumerate(PAGES):
                        visitor.open(f"/{page}" if number else "/")
                        visitor.page.wait_for_timeout(1500)  # charts draw after the script has ended
                        visitor.shot(SHOTS / f"{page}-{'dark' if dark else 'light'}-{size}.png")
                    visitor.clean()


if __name__ == "__main__":
    main(
        Path(sys.argv[1]) if len(sys.argv) > 1 else Path("sample_data")
    )  # pages show the path as it was given

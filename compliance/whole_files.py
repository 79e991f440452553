"""Writing a file whole or not at all: what stood there stays until the new file is complete."""

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path


def write_whole(file: Path, content: bytes) -> None:
    """Write a file, or leave it as it was; raises OSError.

    A pipe or a device (`/dev/stdout`) is written to as it is, and so is a file in a folder where no other may be made.
    """
    place = Path(os.path.realpath(file))
    if place.exists() and not place.is_file():
        place.write_bytes(content)
        return
    part = place.parent / f".{secrets.token_hex(6)}.partial"
    try:
        written = part.open("xb")
    except PermissionError:
        place.write_bytes(content)
        return
    try:
        with written:
            written.write(content)
            written.flush()
            os.fsync(written.fileno())
        if place.exists():
            part.chmod(stat.S_IMODE(place.stat().st_mode))
        os.replace(part, place)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise

"""Overview."""

from ui import frame

frame.enter()
frame.heading("Overview")

"""Records."""

from ui import frame

frame.enter()
frame.heading("Records")

"""Documentation of therapeutic activities and goal linkage: DOC-01 to DOC-09."""

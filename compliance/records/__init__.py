"""The records of a clinic: tables, readers and the load report."""

"""Rules on overpayments that somebody identified: the day by which each is to be reported and returned."""

"""One-on-one time, groups and impossible days: a therapist is with one patient at a time."""

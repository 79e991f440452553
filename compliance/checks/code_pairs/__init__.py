"""Code pairs: two codes of one day that a payer's table pays only together under a condition, or never."""

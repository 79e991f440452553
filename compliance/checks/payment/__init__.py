"""Rules on payment: what was paid against what should have been, denials that recur, and what the payer covers."""

"""The audit log: who did what to which object, from where, in one append-only table that services write to."""

"""What can be done: one file per operation, grouped by medium."""

"""The command line: what people type, turned into jobs, and results turned into tables."""

"""What is said: jobs, controls, results, events, error codes, line framing and their schema."""

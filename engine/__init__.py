"""Who does it: admission, scheduling, workers, inputs, outputs, the stream and the command line."""

"""The commands of `cekalwatch-server`: options in, words and exit codes out; the work is done elsewhere."""

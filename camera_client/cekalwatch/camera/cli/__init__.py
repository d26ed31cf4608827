"""The commands of `cekalwatch-camera`: options in, words and exit codes out; the work is done elsewhere."""

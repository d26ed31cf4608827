"""The commands of `cekalwatch-notifier`: options in, words and exit codes out; the work is done elsewhere."""

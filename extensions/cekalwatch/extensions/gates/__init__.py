"""Gates of counters, which an alert can ask for an officer before they open: docs/gates.md."""

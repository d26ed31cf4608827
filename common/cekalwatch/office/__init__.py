"""What the programs for an office's people share: alerts and alarms as people see them, calls, and texts."""

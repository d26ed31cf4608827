"""What the programs for an office's people share: alerts and problems as people see them, calls, and texts."""

"""What the programs' `check` commands share: results, and the checks of every machine."""

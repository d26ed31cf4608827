"""What the programs' `check` commands share: results, and what is looked at on every machine."""

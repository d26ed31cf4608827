"""Lists in files: folders with CSV, and spreadsheets."""

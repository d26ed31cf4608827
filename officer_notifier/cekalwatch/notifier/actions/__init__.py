"""The steps that people take with alerts, for both windows and commands."""

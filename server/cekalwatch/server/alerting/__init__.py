"""From a search result to an alert that reaches every subscriber: deciding, the event log, fan-out."""

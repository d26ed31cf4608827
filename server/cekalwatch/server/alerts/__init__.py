"""From an event of the log to the officers, and what they do with alerts: fan-out, claims, adjudication, escalation."""

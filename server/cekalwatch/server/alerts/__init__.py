"""What happens after an alert is raised: fan-out to officers, claims, adjudication, escalation, retention."""

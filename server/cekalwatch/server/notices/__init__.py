"""What other systems of the office are told: webhooks with a log of their delivery, and syslog."""

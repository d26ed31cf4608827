"""Notices to other systems of the office: webhooks with a log of their delivery, syslog, and MQTT."""

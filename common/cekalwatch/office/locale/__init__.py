"""Texts about alerts and alarms, in Indonesian and English, and how these are put into words."""

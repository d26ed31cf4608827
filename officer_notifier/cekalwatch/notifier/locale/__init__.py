"""Texts for people, in Indonesian and English, and how an alert is put into words."""

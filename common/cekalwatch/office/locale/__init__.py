"""Texts about alerts and problems, in Indonesian and English, and how these are put into words."""

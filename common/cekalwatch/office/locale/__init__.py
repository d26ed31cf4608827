"""Texts about alerts and troubles, in Indonesian and English, and how these are put into words."""

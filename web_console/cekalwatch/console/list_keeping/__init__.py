"""What brings the list in: its synchronisation, and files that people import."""

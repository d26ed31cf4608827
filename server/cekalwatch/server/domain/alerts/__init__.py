"""An alert, the matches that join it, and the steps of people."""

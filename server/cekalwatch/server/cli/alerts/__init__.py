"""Commands for what two people set about alerts: exercises, first looks, gates."""

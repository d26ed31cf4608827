"""The arithmetic of an evaluation: rates, intervals, tails, trials. Pure."""

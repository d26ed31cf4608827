"""Questions to the person at the PC: signing in, and what a step needs."""

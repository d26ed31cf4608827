"""Dialogs of the person at the PC: sign-in, and the inputs of a step."""

"""The parts that windows are made of, and how they look."""

"""Runs what reads hostile data in a process of its own, which has no keys and little of everything else."""

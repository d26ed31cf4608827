"""Commands for what an office prepares: its papers, drills of disasters, and the machines that it needs."""

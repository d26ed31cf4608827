"""What the parts of the server report into: durations, and who is connected. Knows the domain only."""

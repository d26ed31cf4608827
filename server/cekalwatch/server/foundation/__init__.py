"""What every part of the server may import: the clock, errors, refusals, and callbacks that measure."""

"""What the contract says, as our own values: `values` holds them, `codec` reads and writes their messages."""

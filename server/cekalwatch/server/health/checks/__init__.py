"""Is everything in order with this server? What the command `check` looks at; nothing is changed or made."""

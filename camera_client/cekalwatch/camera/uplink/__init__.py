"""The capture stream to the server: handshake, sending, receipts, reconnecting."""

"""The notifier: subscribes to the server's alerts on an officer's PC, and shows them."""

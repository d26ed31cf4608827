"""Makes the container image of the server."""

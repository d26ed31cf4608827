"""What tells how the server does: metrics for Prometheus, a page for people, and the listener that serves both."""

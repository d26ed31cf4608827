"""The web console: for those who supervise, keep the list, administer and audit."""

"""The widgets of the windows, and their style."""

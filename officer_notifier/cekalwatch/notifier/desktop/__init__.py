"""The notifier's windows. Everything that needs no Qt is in the package above, and shared with the console."""

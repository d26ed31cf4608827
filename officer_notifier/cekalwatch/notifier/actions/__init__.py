"""What people do with alerts, the same for the windows and for the commands."""

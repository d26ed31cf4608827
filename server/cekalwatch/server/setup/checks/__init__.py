"""The command `check`: whether everything is in order with this server. It changes and makes nothing."""

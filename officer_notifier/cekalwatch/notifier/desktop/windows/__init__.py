"""The windows of the desktop agent and its tray icon."""

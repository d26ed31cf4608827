"""Alarms: alarms of cameras, sources and servers, from their detection until they are over."""

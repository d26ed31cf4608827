"""Alarms: what is wrong with cameras, sources and servers, from when it is noticed until it is over."""

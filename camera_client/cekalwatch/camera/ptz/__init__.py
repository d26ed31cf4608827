"""Cameras that can be turned (pan, tilt, zoom), through ONVIF."""

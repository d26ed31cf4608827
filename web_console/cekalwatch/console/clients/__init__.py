"""The calls that administrators make about devices and cameras."""

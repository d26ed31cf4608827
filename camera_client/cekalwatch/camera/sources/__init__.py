"""Where frames come from: files, devices and network cameras, and how a source is opened."""

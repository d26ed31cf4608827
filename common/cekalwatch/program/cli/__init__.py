"""What the command lines of all programs share: running, prompts, showing settings, enrolling, setting up a device."""

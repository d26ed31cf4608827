"""`cekalwatch-camera survey`: how good a camera is where it hangs. It keeps numbers and a few blurred pictures."""

"""`cekalwatch-camera survey`: how good a camera is where it hangs. It keeps figures, and a few blurred pictures."""

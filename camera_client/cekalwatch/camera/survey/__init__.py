"""`cekalwatch-camera survey`: measures the quality of a camera's place. It keeps numbers and a few blurred pictures."""

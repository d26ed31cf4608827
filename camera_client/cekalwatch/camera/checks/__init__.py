"""What `cekalwatch-camera check` looks at, one part of the installation a file."""

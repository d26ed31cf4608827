"""The recognition server: takes face crops, searches the gallery, raises alerts, and brings them to notifiers."""

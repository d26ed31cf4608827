"""An evaluation as JSON, HTML, plots and tables."""

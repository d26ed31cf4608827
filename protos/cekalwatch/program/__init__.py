"""How the three programs behave as programs: settings, logs, exit codes, missing extras. It knows nothing of faces."""

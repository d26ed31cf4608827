"""The web console, for supervisors, list managers, administrators and auditors."""

"""The papers that an office must have about its installation, written from its settings, database and audit trail."""

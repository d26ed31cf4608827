"""The database: tables, migrations, and the stores that the rest of the server uses."""

"""The changes of the database to its present tables; `Database.upgrade` applies them in order."""

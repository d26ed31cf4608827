"""How the database came to its present tables; applied by `Database.upgrade`, in order."""

"""How the running server is put together, one room a module; `app` opens the rooms in their order."""

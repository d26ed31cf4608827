"""How the server is put together, a module for each part; `app` opens them in their order."""

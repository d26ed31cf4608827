"""The pages; `routes.py` has the needs and rights of each."""

"""The pages: what each needs and who may see it is in `routes.py`."""

"""`cekalwatch-server gallery`: the templates of each model, and which model is in use."""

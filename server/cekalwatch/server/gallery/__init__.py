"""The searchable templates: FAISS behind one class that knows no database."""

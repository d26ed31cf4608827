"""Model packs: how they are built, fetched, installed and opened."""

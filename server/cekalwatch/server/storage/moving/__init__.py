"""From SQLite to PostgreSQL: a place for what comes, and the rows on their way."""

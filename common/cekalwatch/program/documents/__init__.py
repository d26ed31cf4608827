"""Documents for people, which become pages, texts and PDF."""

"""The statistics as documents: a page, a PDF and a table."""

"""The figures of the field as documents: what they say, as a page, a PDF and a table."""

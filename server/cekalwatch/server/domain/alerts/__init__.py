"""What an alert is, which matches it takes, and what people do with it."""

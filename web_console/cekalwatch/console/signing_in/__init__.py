"""What the console remembers while somebody signs in: the provider, browsers on their way, forms."""

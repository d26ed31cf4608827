"""The site's certificate authority, its ledger, and revocations."""

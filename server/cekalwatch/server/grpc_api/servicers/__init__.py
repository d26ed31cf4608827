"""The services of the contract: each converts, calls and converts back."""

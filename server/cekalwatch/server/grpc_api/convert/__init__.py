"""Converts between protobuf and the domain. Only this package knows both, and it checks the bounds of the contract.

Whatever a client sends becomes either a valid domain value or a CekalwatchError of the catalogue.
"""

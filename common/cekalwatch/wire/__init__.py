"""What both ends of a connection must agree on: channel options, addresses, certificates, bounds, vocabulary.

Standard library and grpcio only: every program loads this.
"""

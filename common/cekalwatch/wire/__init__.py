"""What both ends of a connection must agree on: channel options, addresses, backoff, bounds, heartbeats.

Standard library and grpcio only: every program loads this.
"""

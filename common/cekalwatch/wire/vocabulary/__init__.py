"""The words that both ends of a connection use: states, outcomes, reasons, steps, roles. Each is written once, here.

The members have the names of the contract's enums. Pure: it imports no gRPC and no generated module.
"""

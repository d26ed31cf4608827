"""The values that cross the wire, and the words that they use: states, outcomes, reasons, steps, roles.

Each is written once, here, and both ends use it. Members of enums have the names of the contract's enums. Pure: this
package imports neither gRPC, protobuf nor any other package of ours but `cekalwatch.wire.bounds`.
"""

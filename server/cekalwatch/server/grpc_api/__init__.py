"""The gRPC boundary: a function serves each call; protobuf types stop here."""

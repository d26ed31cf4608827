"""The gRPC boundary: servicers convert, call, convert back; protobuf types stop here."""

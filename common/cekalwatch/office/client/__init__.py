"""The calls to the server and the event stream. Protobuf stops here."""

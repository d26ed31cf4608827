"""Between protobuf and the domain: the only place that knows both, and the boundary where bounds are checked.

Whatever a client can send either becomes a valid domain value here, or a CekalwatchError of the catalogue.
"""

"""What every program needs: settings, logs, exit codes, texts, prompts. It knows nothing of faces."""

import os

# gRPC writes unstructured lines to standard error for every failed handshake. It reads this variable when it is loaded;
# each program loads this package first.
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")

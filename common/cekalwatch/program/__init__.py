"""How the three programs behave as programs: settings, logs, exit codes, missing extras. It knows nothing of faces."""

import os

# gRPC's own lines on standard error tell of every stranger's handshake, and are not ours to structure. It reads this
# when it is loaded; each program loads this package first.
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")

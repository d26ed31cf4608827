"""Prints the present problems of cameras, servers and sources as JSON lines; nobody has to be signed in.

python read_states.py cekal.batam.local:50051 /etc/duty-room/tls duty-room
"""

import json
import sys

from cekalwatch.client import Client


def main() -> None:
    """Print one line for each problem."""
    servers, tls_dir, name = sys.argv[1:]
    with Client(servers.split(","), tls_dir, name) as client:
        for one in client.problems.open():
            told = {"kind": one.kind, "about": one.about, "counter": one.counter, "since": one.began_at.isoformat()}
            print(json.dumps(told))


if __name__ == "__main__":
    main()

"""Follows the alerts of an office: a line for each event, without anybody's name.

python follow_alerts.py cekal.batam.local:50051 /etc/duty-room/tls duty-room
"""

import sys

from cekalwatch.client import Client


def main() -> None:
    """Print events until Ctrl-C; run again, it goes on after the last one."""
    servers, tls_dir, name = sys.argv[1:]
    with Client(servers.split(","), tls_dir, name) as client:
        for event in client.alerts():
            where = event.alert.camera.counter
            print(event.sequence, event.type, event.alert.alert_id, event.alert.state, where, flush=True)


if __name__ == "__main__":
    main()

"""Refers the newest alert that waits to the supervisor, as the officer NAME; the password comes from standard input.

python judge.py cekal.batam.local:50051 /etc/duty-room/tls duty-room NAME < password
"""

import sys

from cekalwatch.client import ChangedMeanwhileError, Client
from cekalwatch.contract.values.adjudication import OPEN_STATES, Outcome, Reason


def main() -> None:
    """Look, claim, judge: the steps of an officer, each with the version of the alert that was seen."""
    servers, tls_dir, name, person = sys.argv[1:]
    with Client(servers.split(","), tls_dir, name) as client:
        client.sign_in(person, sys.stdin.readline().rstrip("\n"))
        waiting = next(client.steps.listed(OPEN_STATES), None)
        if waiting is None:
            sys.exit("No alert waits")
        try:
            seen = client.steps.look(waiting.alert_id, waiting.version, Outcome.REFERRED)
            mine = client.steps.claim(seen.alert_id)
            done = client.steps.adjudicate(mine.alert_id, mine.version, Outcome.REFERRED, Reason.FACE_AGREES, "")
        except ChangedMeanwhileError as error:
            sys.exit(str(error))
        finally:
            client.sign_out()
        print(done.alert_id, done.state)


if __name__ == "__main__":
    main()

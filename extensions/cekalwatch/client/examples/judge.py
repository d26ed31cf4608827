"""Judges the newest alert that waits as the officer NAME, who is shown both faces and is asked what they find.

python judge.py cekal.batam.local:50051 /etc/duty-room/tls duty-room NAME

Standard input: the password, and after the names of the two pictures `same`, `other` or `unclear`, each on its line.
"""

import sys
import tempfile
from pathlib import Path

from cekalwatch.client import ChangedMeanwhileError, Client
from cekalwatch.contract.values.adjudication import OPEN_STATES, Outcome, Reason

FINDINGS = {
    "same": (Outcome.REFERRED, Reason.FACE_AGREES),
    "other": (Outcome.NOT_SAME_PERSON, Reason.FACE_DIFFERS),
    "unclear": (Outcome.CANNOT_DETERMINE, Reason.IMAGE_TOO_POOR),
}


def main() -> None:
    """Show, look, claim, judge: the steps of an officer, each with the version of the alert that was seen."""
    servers, tls_dir, name, person = sys.argv[1:]
    with Client(servers.split(","), tls_dir, name) as client:
        client.sign_in(person, sys.stdin.readline().rstrip("\n"))
        try:
            waiting = next(client.steps.listed(OPEN_STATES), None)
            if waiting is None:
                sys.exit("No alert waits")
            shown, pictures = client.steps.with_pictures(waiting.alert_id)
            if not (pictures.probe and pictures.reference_jpegs):
                sys.exit("A picture has not come: nothing is judged")
            outcome, reason = FINDINGS[_look_at(pictures.probe, pictures.reference_jpegs[0])]
            seen = client.steps.look(shown.alert_id, shown.version, outcome)
            mine = client.steps.claim(seen.alert_id)
            done = client.steps.adjudicate(mine.alert_id, mine.version, outcome, reason, "")
        except ChangedMeanwhileError as error:
            sys.exit(str(error))
        finally:
            client.sign_out()
        print(done.alert_id, done.state)


def _look_at(traveller: bytes, listed: bytes) -> str:
    """Show two pictures until the person has said what they find; no copy stays."""
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder, "traveller.jpg"), Path(folder, "listed.jpg")
        for file, picture in zip(files, (traveller, listed), strict=True):
            file.write_bytes(picture)
            print(file, flush=True)
        while (answer := sys.stdin.readline()) and answer.strip() not in FINDINGS:
            print("Answer same, other or unclear", file=sys.stderr)
    if not answer:
        sys.exit("Nobody has looked: nothing is judged")
    return answer.strip()


if __name__ == "__main__":
    main()

"""Imports a list file as the list manager NAME, whose password comes from standard input, after a look at its preview.

python push_list.py cekal.batam.local:50051 /etc/duty-room/tls duty-room NAME list.csv < password
"""

import sys

from cekalwatch.client import CallError, Client


def main() -> None:
    """Import the file if every record of it can be read; else say which cannot, and import nothing."""
    servers, tls_dir, name, person, file = sys.argv[1:]
    with Client(servers.split(","), tls_dir, name) as client:
        client.sign_in(person, sys.stdin.readline().rstrip("\n"))
        try:
            preview = client.preview_list(file)
            for record in preview.problems:
                print("problem:", record.order_id or record.place, record.reason, record.field)
            if preview.problems:
                sys.exit("Nothing was imported: correct the list first")
            done = client.import_list(file, preview.digest)
            print(len(done.records), "orders imported")
        except CallError as error:
            sys.exit(str(error))
        finally:
            client.sign_out()


if __name__ == "__main__":
    main()

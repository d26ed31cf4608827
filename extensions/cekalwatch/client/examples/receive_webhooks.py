"""Receives webhooks over TLS and prints each notice once, as a JSON line.

python receive_webhooks.py 0.0.0.0:8443 certificate.pem key.pem duty-room.secret
"""

import json
import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock

from cekalwatch.client.webhooks import MAX_BODY_BYTES, NoticeRefusedError, WebhookVerifier


def main() -> None:
    """Receive until Ctrl-C."""
    listen, certificate, key, secret_file = sys.argv[1:]
    host, port = listen.rsplit(":", 1)
    verifier, one_at_a_time = WebhookVerifier(Path(secret_file).read_text(encoding="ascii")), Lock()

    class Receiver(BaseHTTPRequestHandler):
        """One request."""

        timeout = 10

        def do_POST(self) -> None:  # http.server's name
            """Take a notice, or say that it is none."""
            length = self.headers.get("content-length", "")
            if not length.isdigit() or int(length) > MAX_BODY_BYTES:
                self.answer(413)
                return
            body, headers = self.rfile.read(int(length)), {name.lower(): text for name, text in self.headers.items()}
            with one_at_a_time:
                try:
                    notice = verifier.read(headers, body)
                except NoticeRefusedError as error:
                    self.log_error("%s", error)
                    self.answer(401)
                    return
                if notice is not None:
                    print(json.dumps(notice), flush=True)
                    verifier.taken(headers)
            self.answer(204)

        def answer(self, status: int) -> None:
            """End the request."""
            self.send_response(status)
            self.end_headers()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    with ThreadingHTTPServer((host, int(port)), Receiver) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        print(f"listening at {host}:{server.server_port}", file=sys.stderr, flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()

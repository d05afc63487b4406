"""A courier's tracking API on loopback, as outlets pull it: pages by cursor, a since-token that
counts changes, a key in a header."""

import json
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class TrackingApi:
    """`put` adds or changes an item; `asked` has the query of each request that bore the key."""

    PAGE = 2

    def __init__(self, key):
        self.key = key
        self.asked = []
        self.refused = 0
        self._items = {}  # by number: its last change, what it says
        self._changes = 0
        self._lock = threading.Lock()
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                status, body = api._answer(self.path, self.headers.get("X-Api-Key"))
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def stop(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def put(self, number, **says):
        with self._lock:
            self._changes += 1
            self._items[number] = (self._changes, {"awb": number, **says})

    def _answer(self, path, key):
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(path).query))
        with self._lock:
            if key != self.key:
                self.refused += 1
                return 401, {"error": "who are you?"}
            self.asked.append(query)
            since, at = int(query.get("since", 0)), int(query.get("cursor", 0))
            new = sorted(v for v in self._items.values() if v[0] > since)
            more = at + self.PAGE < len(new)
            return 200, {"data": [item for _, item in new[at:at + self.PAGE]],
                         "meta": {"next": str(at + self.PAGE) if more else False,
                                  "until": self._changes}}

"""A camera: an HTTP server on loopback that sends pictures again and again, ten a second, as multipart/x-mixed-replace.

Usage: mjpeg.py PORT FOLDER USER PASSWORD. FOLDER holds JPEGs, sent in the order of their names. The path is /video. It says
"ready" when it listens, and ends when it is killed.
"""

import base64
import itertools
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


def main(port, folder, user, password):
    pictures = [path.read_bytes() for path in sorted(Path(folder).glob("*.jpg"))]
    login = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

    class Camera(BaseHTTPRequestHandler):
        """One who looks."""

        def do_GET(self):
            if self.headers.get("Authorization") != login:
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="camera"')
                self.end_headers()
                return
            if self.path != "/video":
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=picture")
            self.end_headers()
            for picture in itertools.cycle(pictures):
                head = f"--picture\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
                try:
                    self.wfile.write(head.encode() + picture + b"\r\n")
                except OSError:
                    return
                time.sleep(0.1)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", int(port)), Camera)
    server.daemon_threads = True
    print("ready", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])

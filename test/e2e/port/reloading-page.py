"""Serves a page that loads itself again when its file changes, as development servers do: over a WebSocket."""
import base64, hashlib, os, socketserver, sys, time
from http.server import BaseHTTPRequestHandler

FILE, PORT = sys.argv[1], int(sys.argv[2])
SCRIPT = """<script>
const socket = new WebSocket(new URL('changes?SEEN', location.href).href.replace(/^http/, 'ws'));
socket.onmessage = () => location.reload();
</script>"""


class Page(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.headers.get("Upgrade", "").lower() == "websocket":
            return self.tell_of_changes()
        # What changes between the page and its socket has to be told as well.
        seen = str(os.stat(FILE).st_mtime_ns)
        with open(FILE) as file:
            body = ("<!doctype html>" + file.read() + SCRIPT.replace("SEEN", seen)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def tell_of_changes(self):
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        seen = self.path.partition("?")[2]
        self.send_response(101)
        self.send_header("Connection", "Upgrade")
        self.send_header("Upgrade", "websocket")
        self.send_header("Sec-WebSocket-Accept", accept)
        self.end_headers()
        while str(os.stat(FILE).st_mtime_ns) == seen:
            time.sleep(0.1)
        self.wfile.write(b"\x81\x07changed")
        self.close_connection = True

    def log_message(self, *words):
        pass


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


server = Server(("127.0.0.1", PORT), Page)
print("listening", flush=True)
server.serve_forever()

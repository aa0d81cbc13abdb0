"""Who is told: a mail server and a web server of the test's own, on loopback, which keep what they get."""
import base64
import email
import email.policy
import http.server
import io
import json
import socket
import socketserver
import ssl
import subprocess
import threading


class Web:
    """Keeps requests; answers with what `answers` says in turn, then 200. An answer None: it says nothing until release()."""

    def __init__(self, answers=()):
        self.requests, self.answers = [], list(answers)
        self.free = threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.requests.append((self.path, dict(self.headers), body))
                answer = outer.answers.pop(0) if outer.answers else 200
                if answer is None:
                    outer.free.wait(60)
                    return
                self.send_response(answer)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = "http://127.0.0.1:%d" % self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def json(self):
        return [json.loads(body) for _, _, body in list(self.requests)]

    def close(self):
        self.free.set()
        self.server.shutdown()
        self.server.server_close()


class Mail:
    """An SMTP server: EHLO, STARTTLS with a certificate, AUTH PLAIN with a login, one mail after the other."""

    def __init__(self, certificate=None, login=None, refuse=None):
        self.mails, self.login, self.refuse = [], login, refuse
        self.encrypted = []
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            def say(self, text):
                self.wfile.write(text.encode() + b"\r\n")

            def handle(self):
                self.tls = self.known = False
                self.say("220 test")
                while True:
                    line = self.rfile.readline().decode().rstrip("\r\n")
                    word = line.split(" ")[0].upper()
                    if word in ("", "QUIT"):
                        return
                    getattr(self, "on_" + word.lower(), self.on_other)(line)

            def on_ehlo(self, line):
                self.say("250-test")
                if certificate and not self.tls:
                    self.say("250-STARTTLS")
                self.say("250-AUTH PLAIN")
                self.say("250 8BITMIME")

            def on_starttls(self, line):
                self.say("220 go on")
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(*certificate)
                try:
                    self.connection = context.wrap_socket(self.connection, server_side=True)
                except ssl.SSLError:  # the other side does not trust us: it says so, and goes
                    self.rfile = io.BytesIO(b"QUIT\r\n")
                    return
                self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
                self.tls = True

            def on_auth(self, line):
                words = line.split(" ")
                if len(words) < 3:
                    self.say("334 ")
                    words.append(self.rfile.readline().decode().strip())
                _, user, password = base64.b64decode(words[2]).decode().split("\0")
                self.known = (user, password) == outer.login
                self.say("235 welcome" if self.known else "535 no")

            def on_mail(self, line):
                self.rcpt = []
                self.say("250 ok" if outer.login is None or self.known else "530 who are you")

            def on_rcpt(self, line):
                if outer.refuse:
                    self.say(outer.refuse)
                else:
                    self.rcpt.append(line.split("<")[1].split(">")[0])
                    self.say("250 ok")

            def on_data(self, line):
                self.say("354 go on")
                lines = []
                while (one := self.rfile.readline()) != b".\r\n":
                    lines.append(one[1:] if one.startswith(b"..") else one)
                outer.mails.append((self.rcpt, email.message_from_bytes(b"".join(lines), policy=email.policy.default)))
                outer.encrypted.append(self.tls)
                self.say("250 taken")

            def on_other(self, line):
                self.say("250 ok")

        socketserver.ThreadingTCPServer.allow_reuse_address = True
        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def certificate(folder):
    """A certificate of localhost that signs itself: the files of it and of its key; None without openssl."""
    names = [folder + "/cert.pem", folder + "/key.pem"]
    try:
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-out", names[0],
                        "-keyout", names[1]], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return names


def closed_port():
    """A port that nobody listens on."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]

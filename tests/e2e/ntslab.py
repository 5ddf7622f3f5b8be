"""For tests of time: certificates, an NTS server, and a man in the middle who holds its packets."""

import os
import select
import socket
import subprocess
import threading
import time

from services import faketime_env, start_chronyd


def _openssl(*argv, at=None):
    env = {**os.environ, **(faketime_env(at) if at else {})}
    subprocess.run(["openssl", *map(str, argv)], check=True, capture_output=True, env=env)


class Authority:
    """A certificate authority of its own; `file` is what a client has to trust."""

    def __init__(self, folder, name="authority", since=None, days=30):
        self._folder = folder / name
        self._folder.mkdir()
        self.file = self._folder / "ca.pem"
        self._key = self._folder / "ca.key"
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", days,
                 "-subj", f"/CN={name}", "-keyout", self._key, "-out", self.file, at=since)

    def certificate(self, name, subject, since=None, days=20):
        """A key and a certificate for a subject ("IP:10.0.0.1", "DNS:ntp.example"; none: only a common name, `name`):
        two files. Valid from now on, or from then ("-60d") for so many days."""
        base = self._folder / name
        key, request, made = (base.with_suffix(s) for s in (".key", ".csr", ".pem"))
        extension = base.with_suffix(".ext")
        extension.write_text(f"subjectAltName={subject}\n" if subject else "", encoding="ascii")
        _openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                 "-keyout", key, "-out", request)
        _openssl("x509", "-req", "-in", request, "-CA", self.file, "-CAkey", self._key, "-days", days,
                 "-extfile", extension, "-out", made, at=since)
        return key, made


def start_nts(host, certificate, port=123, fake=None, name="chronyd", extra=""):
    """chronyd with NTS. It makes new keys at each start: old cookies are then worth nothing."""
    key, made = certificate
    return start_chronyd(host, port, fake, f"ntsserverkey {key}\nntsservercert {made}\n{extra}", name)


def is_nak(reply):
    return len(reply) >= 48 and reply[1] == 0 and reply[12:16] == b"NTSN"


class Middle:
    """Sits on the router and holds every NTP packet from one host to another. `change(request, reply)`
    gives the datagrams to hand on instead of the reply."""

    def __init__(self, lab, client, server, change=lambda request, reply: [reply], hold=0.0):
        self.replies = []
        self.change, self.hold = change, hold
        self._server = (server.ip4, 123)
        self._front = lab.router.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._front.bind(("0.0.0.0", 10123))
        lab.router.run(["nft", "-f", "-"], stdin=f"""
            table ip middle {{
                chain pre {{
                    type nat hook prerouting priority -100;
                    iifname "{client.name}" udp dport 123 redirect to :10123
                }}
            }}""")
        self._lab = lab
        self._end, self._wake = socket.socketpair()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while self._end not in (ready := select.select([self._front, self._end], [], [])[0]):
            if not ready:
                continue
            request, client = self._front.recvfrom(2048)
            reply = self._ask(request)
            if reply is None:
                continue
            self.replies.append(reply)
            out = self.change(request, reply)
            time.sleep(self.hold)  # the delay itself
            for datagram in out:
                self._front.sendto(datagram, client)

    def _ask(self, request):
        with self._lab.router.socket(socket.AF_INET, socket.SOCK_DGRAM) as back:
            back.settimeout(0.5)
            try:
                back.connect(self._server)
                back.send(request)
                return back.recv(2048)
            except OSError:
                return None

    def close(self):
        self._wake.close()
        self._thread.join()
        self._front.close()
        self._end.close()
        self._lab.router.run(["nft", "delete table ip middle"])

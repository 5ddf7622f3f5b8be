"""A real etcd of some members with TLS, each on a host of the lab, and chronoknock's hosts that are a fleet by it."""

import contextlib
import json
import os
import pathlib
import queue
import secrets
import shutil
import signal
import socket
import subprocess
import threading
import time

from lab import wait_for
from services import _tool, faketime_env, start_http

CLIENT, PEER = 2379, 2380


def openssl(*argv, stdin="", env=None):
    subprocess.run(["openssl", *map(str, argv)], input=stdin, text=True, check=True, capture_output=True,
                   env={**os.environ, **(env or {})})


class Authority:
    """Signs certificates, all of which are for servers and clients: etcd's gateway is a client of its own member."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.ca = folder / "ca.pem"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                folder / "ca.key", "-out", self.ca, "-subj", "/CN=lab", "-days", "30")

    def certificate(self, name, *addresses, days=30, issued=None):
        """(certificate, key) for these addresses, good for days. issued: when, as "-40d"; now."""
        cert, key, request = (self.folder / f"{name}.{end}" for end in ("pem", "key", "csr"))
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out",
                request, "-subj", f"/CN={name}")
        names = ",".join(["IP:127.0.0.1", *(f"IP:{a}" for a in addresses)])
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={names}\nextendedKeyUsage=serverAuth,clientAuth\n", encoding="ascii")
        openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self.folder / "ca.key", "-CAcreateserial",
                "-out", cert, "-days", days, "-extfile", extensions, env=faketime_env(issued) if issued else {})
        key.chmod(0o600)
        return cert, key


class Member:
    """One etcd; what it stores lies in memory, as fast as a disk of its own."""

    def __init__(self, cluster, host, name):
        self.cluster, self.host, self.name = cluster, host, name
        self.folder = host.home / "etcd"
        self.cert, self.key = cluster.authority.certificate(name, host.ip4)
        self.peer_cert, self.peer_key = cluster.authority.certificate(f"{name}-peer", host.ip4)
        self.process = None
        self.env = {}  # besides: VDSO_CLOCK

    @property
    def endpoint(self):
        return f"https://{self.host.ip4}:{CLIENT}"

    def start(self, data=None):
        a = self.host.ip4
        # With an authority for clients named it asks each of them for a certificate.
        tls = ["--cert-file", self.cert, "--key-file", self.key,
               "--peer-cert-file", self.peer_cert, "--peer-key-file", self.peer_key, "--peer-trusted-ca-file",
               self.cluster.authority.ca, "--peer-client-cert-auth",
               *(["--client-cert-auth", "--trusted-ca-file", self.cluster.authority.ca]
                 if self.cluster.client_certificates else [])]
        argv = [_tool("etcd"), "--name", self.name, "--data-dir", data or self.folder, "--logger", "zap",
                "--log-level", "error", "--auto-compaction-retention", "1h",
                "--listen-client-urls", f"https://{a}:{CLIENT},https://127.0.0.1:{CLIENT}", "--advertise-client-urls",
                f"https://{a}:{CLIENT}", "--listen-peer-urls", f"https://{a}:{PEER}", "--initial-advertise-peer-urls",
                f"https://{a}:{PEER}", "--initial-cluster", self.cluster.peers(), "--initial-cluster-state", "new",
                *self.cluster.options, *tls]
        # On other machines it wants to be told that it may run there.
        env = {"ETCD_UNSUPPORTED_ARCH": "arm64"} if os.uname().machine == "aarch64" else {}
        self.process = self.host.spawn(argv, log=self.host.home / "etcd.log", env={**env, **self.env})
        return self

    def pause(self):
        self.process.send(signal.SIGSTOP)

    def go_on(self):
        if self.process.alive():
            self.process.send(signal.SIGCONT)

    def kill(self):
        self.process.kill()


class Cluster:
    """Members on hosts of the lab."""

    def __init__(self, lab, hosts, client_certificates=True, options=(), memory=True):
        self.lab, self.client_certificates, self.options = lab, client_certificates, list(options)
        self.authority = Authority(lab.folder / "tls")
        self.members = [Member(self, host, f"etcd-{host.name}") for host in hosts]
        # A disk that many tests share takes long to say that something is on it: elections would be lost to it.
        if memory and pathlib.Path("/dev/shm").is_dir():
            for m in self.members:
                m.folder = pathlib.Path("/dev/shm") / f"chronoknock-etcd-{os.getpid()}-{secrets.token_hex(4)}-{m.name}"
        lab.keep(self)
        for m in self.members:
            m.start()
        self.wait()

    def peers(self):
        return ",".join(f"{m.name}=https://{m.host.ip4}:{PEER}" for m in self.members)

    def wait(self, seconds=40):
        wait_for(lambda: self.ctl("endpoint", "health", check=False).returncode == 0,
                 lambda: "the cluster to be well: " + self.ctl("endpoint", "health", check=False).stderr, seconds, 0.2)

    def ctl(self, *argv, member=None, check=True, user=None):
        """etcdctl, with the rights of who has a certificate. member: which one is asked; all otherwise."""
        m = member or self.members[0]
        ends = m.endpoint if member else ",".join(x.endpoint for x in self.members)
        return m.host.run([_tool("etcdctl"), "--endpoints", ends, "--cacert", self.authority.ca, "--cert", m.cert,
                           "--key", m.key, "--command-timeout", "5s", *(["--user", user] if user else []), *argv],
                          env={"ETCDCTL_API": "3"}, check=check)

    def keys(self, prefix=""):
        """name -> value (bytes) of what stands there."""
        import base64
        got = json.loads(self.ctl("get", prefix, "--prefix", "-w", "json").stdout)
        return {base64.b64decode(e["key"]).decode(): base64.b64decode(e.get("value", ""))
                for e in got.get("kvs", [])}

    def put(self, name, value):
        """Writes bytes under a name, as whoever may write to etcd can."""
        m = self.members[0]
        return subprocess.run([_tool("etcdctl"), "--endpoints", m.endpoint, "--cacert", self.authority.ca, "--cert",
                               m.cert, "--key", m.key, "put", name], input=value, env={**os.environ, "ETCDCTL_API": "3"},
                              preexec_fn=m.host._enter, capture_output=True, check=True, timeout=20)

    def leader(self, without=None):
        """The member that says so of itself, of all but the one that is not to be asked; None while there is none."""
        for m in self.members:
            if m is without:
                continue
            got = self.ctl("endpoint", "status", "-w", "json", member=m, check=False)
            if got.returncode == 0:
                status = json.loads(got.stdout)[0]["Status"]
                if status.get("leader") == status["header"]["member_id"]:
                    return m
        return None

    def close(self):
        for m in self.members:
            if m.process:
                m.go_on()
                m.kill()
            shutil.rmtree(m.folder, ignore_errors=True)


class Slow:
    """Stands before an etcd, on its host, and passes on what comes, either way, so many seconds later."""

    def __init__(self, member, port=2381):
        self.member, self.port, self.delay = member, port, 0.0
        self._sockets = [member.host.socket(socket.AF_INET, socket.SOCK_STREAM)]
        self._sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._sockets[0].bind((member.host.ip4, port))
        self._sockets[0].listen(64)
        self._start(self._accept)

    @property
    def endpoint(self):
        return f"https://{self.member.host.ip4}:{self.port}"

    @staticmethod
    def _start(work, *arguments):
        threading.Thread(target=work, args=arguments, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client = self._sockets[0].accept()[0]
                etcd = self.member.host.socket(socket.AF_INET, socket.SOCK_STREAM)
                self._sockets += [client, etcd]
                with contextlib.suppress(OSError):
                    etcd.connect(("127.0.0.1", CLIENT))
                for ends in ((client, etcd), (etcd, client)):
                    waiting = queue.Queue()
                    self._start(self._read, ends[0], waiting)
                    self._start(self._write, ends[1], waiting)

    def _read(self, source, waiting):
        data = b" "
        while data:
            try:
                data = source.recv(65536)
            except OSError:
                data = b""
            waiting.put((time.monotonic() + self.delay, data))

    @staticmethod
    def _write(target, waiting):
        with contextlib.suppress(OSError):
            while True:
                due, data = waiting.get()
                time.sleep(max(0.0, due - time.monotonic()))
                if not data:
                    target.shutdown(socket.SHUT_WR)
                    return
                target.sendall(data)

    def close(self):
        for s in self._sockets:
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)
            s.close()


class Wires:
    """Cuts hosts off: the router drops what passes between them."""

    def __init__(self, lab):
        self.lab = lab
        self.cut_off = set()  # pairs of addresses

    def cut(self, *pairs):
        self.cut_off |= {(a.ip4, b.ip4) for a, b in pairs} | {(b.ip4, a.ip4) for a, b in pairs}
        self._write()

    def heal(self):
        self.cut_off.clear()
        self._write()

    def _write(self):
        self.lab.router_rules("\n".join(f"ip saddr {a} ip daddr {b} drop" for a, b in sorted(self.cut_off)))

    @contextlib.contextmanager
    def partition(self, hosts, others):
        """While the block runs these do not hear of those."""
        self.cut(*((a, b) for a in hosts for b in others))
        try:
            yield
        finally:
            self.heal()

    def down(self, host):
        self.lab.router.run(["ip", "link", "set", host.name, "down"])

    def up(self, host):
        self.lab.router.run(["ip", "link", "set", host.name, "up"])
        self.lab.router.run(["ip", "-6", "addr", "replace", f"fd77:{host.number}::1/64", "dev", host.name, "nodad"])
        self.lab.wait_wire(host)


class Fleet:
    """Servers with the same key and seal; each guards a web server of its own, and has its own clock and record."""

    def __init__(self, lab, cluster, hosts, key, port=8080, open_for=30, more="", user=None, prefix=None, service="",
                 keys=None, sections=None, start=True, endpoints=None):
        self.lab, self.cluster, self.port = lab, cluster, port
        self.seal = lab.folder / "fleet.seal"
        if not self.seal.exists():
            self.seal.write_text(secrets.token_hex(32) + "\n", encoding="ascii")
            self.seal.chmod(0o600)
        self.doors = {}
        for host in hosts:
            start_http(host, port)
            settings = [f"endpoints = {', '.join(endpoints or [m.endpoint for m in cluster.members])}",
                        f"ca = {cluster.authority.ca}", f"name = {host.name}", f"seal = {self.seal}", more]
            if cluster.client_certificates:
                cert, private = cluster.authority.certificate(host.name, host.ip4)
                settings += [f"cert = {cert}", f"key = {private}"]
            if user:
                settings += [f"user = {user}", f"password_file = {lab.folder / 'password'}"]
            if prefix:
                settings.append(f"prefix = {prefix}")
            self.doors[host] = lab.chronoknock(
                host, services={"web": f"ports = tcp/{port}\nopen_for = {open_for}\n{service}"},
                keys=keys or {"alice": (key, "web", "fleet = true")}, start=False,
                sections={"fleet": "\n".join(settings), "knock": "tracked = 1024", **(sections or {})})
        if start:
            for door in self.doors.values():
                door.start()
            for door in self.doors.values():
                self.wait_watching(door)

    def state(self, door):
        return door.status()["fleet"]

    def wait_watching(self, door, seconds=20):
        wait_for(lambda: self.state(door)["watching"] and door.status()["accepting"],
                 lambda: f"{door.host.name} to watch: {self.state(door)}\n{door.log()}", seconds, 0.05)

    def open_at(self, client, port=None):
        """Names of the hosts whose door is open to a client, by their own word."""
        address = client if isinstance(client, str) else client.ip4
        return {door.host.name for door in self.doors.values()
                if any(g["address"] == address for g in door.status()["grants"]["list"])}


class Sequences:
    """Makes knocks of a key of the default kind by itself, for any source: quicker than to ask the program for each."""

    FIRST, LAST = 10000, 60000

    def __init__(self, lab, name="fleet", granularity=2):
        self.GRANULARITY = granularity
        self.secret = secrets.token_bytes(64)
        self.file = lab.key(name, secret=self.secret.hex(), granularity=self.GRANULARITY,
                            ports=f"{self.FIRST}-{self.LAST}")

    def _expand(self, info, size):
        import hashlib
        import hmac
        return hmac.new(self.secret, info + b"\1", hashlib.sha256).digest()[:size]

    def _ports(self, data):
        words = [data[i] << 8 | data[i + 1] for i in range(0, len(data), 2)]
        return [self.FIRST + (w * (self.LAST - self.FIRST + 1) >> 16) for w in words]

    def ports(self, source, t0):
        when = t0.to_bytes(8, "big")
        head = b"chronoknock/1\0\0\0"
        return self._ports(self._expand(head + b"selector\0" + when, 2)) + self._ports(
            self._expand(head + b"sequence\0\4" + bytes(map(int, source.split("."))) + when, 30))

    def window(self):
        """The window that has begun for certain."""
        from lab import CLOCK_ERROR
        now = int(time.time() - CLOCK_ERROR)
        return now - now % self.GRANULARITY

    def packets(self, source, target, t0=None):
        """The SYNs of a knock."""
        from packets import syn
        t0 = self.window() if t0 is None else t0
        return [syn(source, target, port) for port in self.ports(source, t0)]

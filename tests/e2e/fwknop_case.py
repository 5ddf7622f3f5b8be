"""What the tests of fwknop's packets have in common: secrets, key files, Debian's client."""

import base64
import secrets
import shutil
import socket

from case import PORT, LabTest
from lab import wait_for
from services import faketime_env

SPA_PORT = 62201
APART = 120  # seconds that a packet's time may be off


def tool(name):
    return shutil.which(name, path="/usr/sbin:/sbin:/usr/bin:/bin")


class FwknopTest(LabTest):
    def setUp(self):
        super().setUp()
        self.new_secrets()

    def new_secrets(self):
        self.cipher, self.mac = (base64.b64encode(secrets.token_bytes(n)).decode() for n in (32, 64))

    def fwknop_key(self, name="phone", more=""):
        path = self.lab.folder / f"{name}.key"
        path.write_text(f"method = fwknop\nkey_base64 = {self.cipher}\nhmac_key_base64 = {self.mac}\n{more}",
                        encoding="ascii")
        path.chmod(0o600)
        return path

    def start(self, *more, key=None, earlier=True, **options):
        """A server whose record began early enough for packets of now, unless told otherwise."""
        options.setdefault("keys", {"phone": (key or self.fwknop_key(), "web", *more)})
        guard = self.small_guard(None, wait=False, start=False, **options)
        if earlier:
            guard.start(env=faketime_env(f"-{2 * APART}s"))
            guard.wait_log("the record of burnt knocks begins now")
            guard.stop()
        return guard.start()

    def fwknop(self, host, *options, address=None, ports=f"tcp/{PORT}", check=True):
        """Debian's client, asked to open for the host's own address."""
        allow = [] if "-s" in options else ["-a", address or host.ip4]
        return host.run([tool("fwknop"), "--no-rc-file", "--no-save-args", "-A", ports, *allow, "-D", self.server.ip4,
                         "--key-base64-rijndael", self.cipher, "--key-base64-hmac", self.mac, "--use-hmac", *options],
                        check=check)

    def packet(self, host=None, *options, **more):
        """A packet that was not sent."""
        file = self.lab.folder / secrets.token_hex(8)
        self.fwknop(host or self.client, "--test", "-B", file, *options, **more)
        return file.read_text(encoding="ascii").strip()

    def send(self, host, packet, target=None):
        with host.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(packet.encode(), (target or self.server.ip4, SPA_PORT))

    def is_refused(self, guard, host, packet, why, count=1):
        """Within a second of the knock itself a copy passes for a later round of it: it earns nothing and is no news."""
        def told():
            self.send(host, packet)
            return guard.log().count(why) >= count
        wait_for(told, why, every=0.05)

    def all_seen(self, guard):
        """Returns when the server has seen all that was sent so far."""
        before = guard.log().count("opens web")
        self.fwknop(self.other)
        guard.wait_log("opens web", count=before + 1)

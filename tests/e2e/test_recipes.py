"""The recipes of chronoknock-connect(1) for what has no ProxyCommand: WireGuard, a browser, by ssh and by socat."""

import pathlib
import re
import unittest

from case import PORT, LabTest
from lab import start_sshd, wait_for
from machine import Machine

_PAGE = (pathlib.Path(__file__).parents[2] / "etc/man/chronoknock-connect.1.scd").read_text(encoding="utf-8")


def recipe(pattern):
    """What the page has for it, so that page and test cannot differ."""
    found = re.search(pattern, _PAGE, re.MULTILINE)
    assert found, pattern
    return found[1]


class Recipes(LabTest):
    def profile(self, key, more=""):
        """A client with a profile `home`, and the program on its path."""
        folder = self.client.home / "config/chronoknock"
        folder.mkdir(parents=True)
        (folder / "client.ini").write_text(f"[profile.home]\nhost = {self.server.ip4}\nkey = {key}\n"
                                           f"time_servers = none\n{more}")
        self.path = {"PATH": f"{pathlib.Path(self.lab.program).resolve().parent}:/usr/sbin:/usr/bin:/sbin:/bin"}

    def do(self, command, **options):
        return self.client.run(["sh", "-c", command], env=self.path, **options)

    def test_a_browser_at_a_guarded_port(self):
        key = self.key()
        self.guard(key)
        self.profile(key)
        knock = recipe(r"_(chronoknock knock home web --wait 443) && ").replace("443", str(PORT))
        said = self.do(f"{knock} && curl -sS http://{self.server.ip4}:{PORT}/").stdout
        self.assertIn("behind the door", said)

    def test_a_browser_by_ssh(self):
        key = self.key()
        sshd = start_sshd(self.server)
        self.guard(key, services={"ssh": "ports = tcp/22"}, keys={"alice": (key, "ssh")})
        self.profile(key)
        config = self.client.home / "ssh_config"
        proxy = recipe(r"^\t(ProxyCommand chronoknock connect --fdpass home %p\n\tProxyUseFdpass yes)$")
        config.write_text(f"Host home\n    HostName {self.server.ip4}\n    {proxy}\n    IdentityFile {sshd.identity}\n"
                          "    BatchMode yes\n    StrictHostKeyChecking no\n    UserKnownHostsFile /dev/null\n")
        argv = recipe(r"^(ssh -N -D 1080 home)$").replace("ssh ", f"ssh -F {config} ").split()
        tunnel = self.client.spawn(argv, log=self.client.home / "ssh.log", env=self.path)
        wait_for(lambda: self.client.door("127.0.0.1", 1080) == "open", f"the proxy; it said:\n{tunnel.text()}")
        said = self.do(f"curl -sS --socks5 127.0.0.1:1080 http://127.0.0.1:{PORT}/").stdout
        self.assertIn("behind the door", said)

    def test_a_local_port_by_socat(self):
        key = self.key()
        self.guard(key)
        self.profile(key)
        argv = recipe(r'^(socat TCP-LISTEN:5432.*)$').replace("home 5432", f"home {PORT}")
        forwarder = self.client.spawn(["sh", "-c", f"exec {argv}"], log=self.client.home / "socat.log", env=self.path)
        wait_for(lambda: self.do("curl -sS http://127.0.0.1:5432/", check=False).stdout == "behind the door\n",
                 f"an answer by the local port; socat said:\n{forwarder.text()}")

    def test_wireguard(self):
        """By the kernel, or where it has no WireGuard by wireguard-go, which wg-quick takes then."""
        key = self.key()
        self.guard(key, services={"vpn": "ports = udp/51820"}, keys={"alice": (key, "vpn")})
        self.profile(key)
        keys = {}
        for host in (self.server, self.client):
            private = host.run(["wg", "genkey"]).stdout
            keys[host] = private.strip(), host.run(["wg", "pubkey"], stdin=private).stdout.strip()
        pre_up = recipe(r"^PreUp = (chronoknock knock home vpn)$")
        for host, peer, last in ((self.server, self.client, 1), (self.client, self.server, 2)):
            config = host.home / "wg0.conf"
            config.write_text(f"[Interface]\nPrivateKey = {keys[host][0]}\nAddress = 10.99.0.{last}/24\n"
                              + ("ListenPort = 51820\n" if host is self.server else f"PreUp = {pre_up}\n")
                              + f"[Peer]\nPublicKey = {keys[peer][1]}\nAllowedIPs = 10.99.0.{3 - last}/32\n"
                              + (f"Endpoint = {self.server.ip4}:51820\n" if host is self.client else ""))
            config.chmod(0o600)
            # In /run/wireguard interfaces have sockets by name: each host needs a /run of its own.
            quick = (f"PATH={self.path['PATH']} XDG_CONFIG_HOME={host.env['XDG_CONFIG_HOME']} "
                     f"XDG_STATE_HOME={host.env['XDG_STATE_HOME']} wg-quick")
            machine = Machine(host, {})
            machine.run(f"{quick} up {config}")
            self.addCleanup(machine.run, f"{quick} down {config}")
        wait_for(lambda: self.client.door("10.99.0.1", PORT) == "open", "the tunnel")


if __name__ == "__main__":
    unittest.main()

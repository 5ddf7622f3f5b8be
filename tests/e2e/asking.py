"""What the tests of commands that ask the running daemon have in common."""

import contextlib
import json
import socket

from case import LabTest


class UdpPeer:
    """A client's UDP socket, and one of the server's own that hears it."""

    def __init__(self, own, peer, there):
        self.own, self._peer, self._there = own, peer, there

    def arrives(self):
        """Whether what the client sends reaches the server."""
        self._peer.sendto(b"hello", self._there)
        try:
            return self.own.recv(100) == b"hello"
        except TimeoutError:
            return False


class AskingTest(LabTest):
    @contextlib.contextmanager
    def udp_peer(self, port, from_port=7777):
        with self.server.socket(socket.AF_INET, socket.SOCK_DGRAM) as own, \
                self.client.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            own.bind(("0.0.0.0", port))
            own.settimeout(0.5)
            peer.bind((self.client.ip4, from_port))
            yield UdpPeer(own, peer, (self.server.ip4, port))

    def ask(self, guard, command, *args, status=0, config=False, user=None, **options):
        """Runs a command on the server's host; gives what it printed, or, if it is to fail, its one line."""
        where = ["--config", guard.config] if config else ["--control", guard.control]
        argv = [self.lab.program, command, *args, *where]
        if user:
            argv = ["setpriv", *user, "--", *argv]
        done = self.server.run(argv, check=False, **options)
        self.assertEqual(done.returncode, status, (argv, done.stdout, done.stderr))
        if status == 0:
            self.assertEqual(done.stderr, "", argv)
            return done.stdout
        self.assertRegex(done.stderr, r"\Achronoknock: [^\n]+\n\Z")
        return done.stderr

    def ask_json(self, guard, command, *args, **options):
        return json.loads(self.ask(guard, command, *args, "--json", **options))

    def knocks(self, key, host=None, target=None, *options):
        """Knocks, and waits until the door is open."""
        host = host or self.client
        host.knock(target or self.server, key, "web", *options)
        self.assert_opens(host, target)

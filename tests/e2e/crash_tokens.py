"""The tokens of the crash test, of every method that has some: made by `chronoknock sequence`, each for an address that
knocks once."""

import base64
import secrets
import time

from case import POOL, PORT
from crash import Knock
from datagrams import udp
from lab import CLOCK_ERROR

WINDOW = 3
OLDER_RECORD = 300  # seconds: a record must have begun so long ago for fwknop's packets to be taken
_SEALED_PORT, _OTP_PORT, _SPA_PORT = 20000, 5000, 62201
_SPA_APART = 120    # seconds that the time of one of fwknop's packets may be off
_PASSWORDS = 5000


def window_ends(at):
    """When a window, or a message of a time, that is good for two of them is worth nothing any more."""
    return at - at % WINDOW + 2 * WINDOW + CLOCK_ERROR


def _datagrams(source, target, ends, port, payload, **more):
    def sent_by(address):
        return [udp(address, target, port, 30000, payload)]
    return Knock(source, target, ends, sent_by(source), sent_by, **more)


class _Kind:
    versions = (4, 6)

    def __init__(self, host, key, server_key=None):
        self._host, self.key, self.server_key = host, key, server_key or key

    def _sequence(self, *options):
        return self._host.run([self._host.lab.program, "sequence", "--key", self.key, *options]).stdout.strip()


class _Sequences(_Kind):
    """time-sequence; service: none for the paper's keys, which have no names of services."""

    def __init__(self, host, key, service):
        super().__init__(host, key)
        self._service = service

    def make(self, source, target):
        at = int(time.time() - CLOCK_ERROR)
        ports = self._sequence("--ip", source, "--at", at, *self._service).split()
        return Knock(source, target, window_ends(at)).knocks_at(list(map(int, ports)))


class _Sealed(_Kind):
    """Requests, by the carrier that the key has."""

    def make(self, source, target):
        at = int(time.time() - CLOCK_ERROR)
        message = self._sequence("--ip", source, "--at", at, "--service", "web")
        ends = at + 2 * WINDOW + CLOCK_ERROR
        if " " in message:
            return Knock(source, target, ends).knocks_at(list(map(int, message.split())))
        return _datagrams(source, target, ends, _SEALED_PORT, bytes.fromhex(message))


class _Fwknop(_Kind):
    """Packets of almost two minutes ago: of no use for longer than other tokens."""

    versions = (4,)

    def make(self, source, target):
        at = int(time.time()) - _SPA_APART + 2 * WINDOW
        packet = self._sequence("--ip", source, "--at", at, "--service", f"tcp/{PORT}")
        return _datagrams(source, target, at + _SPA_APART + CLOCK_ERROR, _SPA_PORT, bytes.fromhex(packet))


class _Otp(_Kind):
    """One-time passwords, in order: good until a later one was used."""

    _next = _PASSWORDS

    def make(self, source, target):
        self._next -= 1
        words = self._sequence("--ip", source, "--count", self._next)
        return _datagrams(source, target, float("inf"), _OTP_PORT, words.encode(), bearer=True)


def all_kinds(lab, host):
    """Keys of all methods that have tokens: name -> kind. host: where `chronoknock sequence` runs."""
    def key(name, **fields):
        return lab.key(name, granularity=WINDOW, **fields)

    spa = lab.folder / "frank.key"
    secret, mac = (base64.b64encode(secrets.token_bytes(n)).decode() for n in (32, 64))
    spa.write_text(f"method = fwknop\nkey_base64 = {secret}\nhmac_key_base64 = {mac}\n", encoding="ascii")
    spa.chmod(0o600)
    passwords = lab.folder / "grace.key", lab.folder / "grace.server.key"
    # A kill may cost more passwords in a row than the four that a server looks for unless told otherwise.
    host.run([lab.program, "keygen", "--method", "otp", "--out", passwords[0], "--server-out", passwords[1], "--count",
              _PASSWORDS, "--lookahead", 16, "--ports", _OTP_PORT])
    return {"bob": _Sequences(host, key("bob", ports=POOL), ["--service", "web"]),
            "carol": _Sequences(host, key("carol", ports=POOL, function="sha256"), []),
            "dave": _Sealed(host, key("dave", method="sealed", carrier="udp", ports=_SEALED_PORT)),
            "erin": _Sealed(host, key("erin", method="sealed", carrier="ports", base=10000)),
            "frank": _Fwknop(host, spa),
            "grace": _Otp(host, *passwords)}

"""A configuration that people's commands change, and a server that answers them as a test says."""

import json
import socket
import struct
import threading

from cli import SECRET, Case


class Server(Case):
    def setUp(self):
        super().setUp()
        self.etc = self.folder / "server"
        self.config = self.etc / "c.ini"
        self.control = self.folder / "s"
        self.etc.mkdir()
        self.put("server/admin.key", SECRET)
        self.set_up()

    def set_up(self, include="conf.d/*.ini"):
        self.config.write_text(f"[server]\ncontrol = {self.control}\ninclude = {include}\nstate = {self.folder}/state.db\n"
                               "[service.ssh]\nports = tcp/22\n[key.admin]\nfile = admin.key\nservices = ssh\n")

    def change(self, *args, status=0):
        result = self.run_program(*args, "--config", self.config)
        self.assertEqual(result.returncode, status, result.stderr)
        return result

    def invite(self, name, *options):
        return self.change("invite", name, "--service", "ssh", "--host", "server.example", *options)


class FakeServer(Server):
    def serve(self, answer):
        """Answers each request on the control socket as `answer` says of its operation and arguments. Returns the
        requests."""
        asked = []
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self.control))
        listener.listen(8)
        self.addCleanup(listener.close)

        def run():
            while True:
                try:
                    connection = listener.accept()[0]
                except OSError:
                    return
                with connection:
                    header = connection.recv(4, socket.MSG_WAITALL)
                    if len(header) < 4:
                        continue
                    request = json.loads(connection.recv(struct.unpack(">I", header)[0], socket.MSG_WAITALL))
                    asked.append(request)
                    body = json.dumps(answer(request["operation"], request.get("arguments", {}))).encode()
                    try:
                        connection.sendall(struct.pack(">I", len(body)) + body)
                    except OSError:
                        pass
        threading.Thread(target=run, daemon=True).start()
        return asked

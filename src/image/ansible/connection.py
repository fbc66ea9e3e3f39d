# Ansible's connection to the machine that an image is built in: every command goes through the door
# (door.py). Files of ours are its stdin, stdout and stderr: nobody waits for what a daemon holds open.
import array
import json
import os
import socket
import tempfile

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.connection import ConnectionBase

DOCUMENTATION = """
name: nspawn_runner
short_description: The machine that an image is built in
description: Runs commands in it, as its root.
author: nspawn-runner
options: {}
"""

class Connection(ConnectionBase):
    transport = "nspawn_runner"
    has_pipelining = True
    has_tty = False
    default_user = "root"

    def _connect(self):
        self._connected = True
        return self

    def close(self):
        self._connected = False

    def exec_command(self, cmd, in_data=None, sudoable=False):
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        with tempfile.TemporaryFile() as stdin:
            stdin.write(in_data or b"")
            stdin.seek(0)
            return self._run(["/bin/sh", "-c", cmd], stdin)

    def put_file(self, in_path, out_path):
        super().put_file(in_path, out_path)
        with open(in_path, "rb") as source:
            self._must(["sh", "-c", 'cat >"$1"', "put", out_path], source)

    def fetch_file(self, in_path, out_path):
        super().fetch_file(in_path, out_path)
        with open(os.devnull, "rb") as nothing, open(out_path, "w+b") as target:
            self._must(["cat", "--", in_path], nothing, target)

    def _must(self, argv, stdin, stdout=None):
        code, _, error = self._run(argv, stdin, stdout)
        if code != 0:
            raise AnsibleConnectionFailure("%s: %s" % (argv, error.decode(errors="replace")))

    def _run(self, argv, stdin, stdout=None):
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
            files = (stdin, stdout or output, errors)
            code = ask(argv, [file.fileno() for file in files])
            output.seek(0)
            errors.seek(0)
            return code, output.read(), errors.read()


def ask(argv, descriptors):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
        door.connect(os.environ["NSPAWN_RUNNER_DOOR"])
        line = json.dumps(argv).encode() + b"\n"
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))
        sent = door.sendmsg([line[:1]], [rights])
        door.sendall(line[sent:])
        answer = b""
        while not answer.endswith(b"\n") and len(answer) < 32:
            more = door.recv(32)
            if not more:
                raise AnsibleConnectionFailure("The machine is gone.")
            answer += more
        return int(answer)

# Inside a machine that an image is built in: runs what Ansible asks for at the door, a socket of the
# host that is our descriptor 3. A request is a line of JSON, an argument list, with three descriptors
# for it; the answer is a line with its exit code. Ends at the end of our stdin. For Python 3.5 and later.
import array
import json
import os
import signal
import socket
import subprocess
import sys
import threading


def receive(connection):
    space = socket.CMSG_SPACE(3 * array.array("i").itemsize)
    line, messages, _, _ = connection.recvmsg(65536, space)
    descriptors = array.array("i")
    for _, _, data in messages:
        descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
    while line and not line.endswith(b"\n"):
        more = connection.recv(65536)
        line = line + more if more else b""
    return line, descriptors


def end_with(connection, child):
    """A task that Ansible gives up, such as one with a timeout, hangs up."""
    connection.recv(1)
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)


def serve(connection):
    with connection:
        line, descriptors = receive(connection)
        if not line or len(descriptors) != 3:
            return
        stdin, stdout, stderr = descriptors
        child = subprocess.Popen(
            json.loads(line.decode()),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            cwd="/",
            start_new_session=True,
        )
        for descriptor in descriptors:
            os.close(descriptor)
        threading.Thread(target=end_with, args=(connection, child), daemon=True).start()
        connection.sendall(b"%d\n" % child.wait())


def listen(listener):
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection,), daemon=True).start()


# What facts tell as the host's name; it goes into files.
socket.sethostname(sys.argv[1])
door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, fileno=3)
threading.Thread(target=listen, args=(door,), daemon=True).start()
sys.stdin.read()

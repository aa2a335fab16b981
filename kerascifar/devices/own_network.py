"""A network of its own for a process and all that it starts: loopback alone, which no other machine reaches.

For TensorFlow's server, which has no password and listens at every address of the machine. Nothing here imports NumPy:
a process with threads cannot be moved.
"""

import ctypes
import os
import socket
import struct
import sys

NEW_USER, NEW_NETWORK = 0x10000000, 0x40000000  # <linux/sched.h>
SET_FLAGS, UP = 0x8914, 1  # <linux/sockios.h>, <linux/if.h>


def enter() -> None:
    """Move this process into a new network, or say in one line on stderr why it stays in the machine's."""
    child = os.fork()  # tries it first: a network that is half made could not be left again
    if child == 0:
        try:
            _move()
        except (OSError, AttributeError, ImportError) as error:  # the latter where this is not Linux
            reason = getattr(error, "strerror", None) or f"{sys.platform} has no such thing"
            print(
                f"note: the workers have no network of their own here ({reason}): TensorFlow's server, which has no "
                "password, listens at every address of this machine until they end",
                file=sys.stderr,
                flush=True,
            )
            os._exit(1)
        os._exit(0)
    if os.waitpid(child, 0)[1] == 0:
        _move()


def _move() -> None:
    """Enter the new network and bring its loopback up. Raises OSError: the kernel does not allow it."""
    import fcntl

    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.getuid(), os.getgid()
    if libc.unshare(NEW_NETWORK):  # whoever may not is root in a world of users of its own
        if libc.unshare(NEW_USER | NEW_NETWORK):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        for file, line in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            with open(f"/proc/self/{file}", "w") as written:
                written.write(line)
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, SET_FLAGS, struct.pack("16sh14x", b"lo", UP))

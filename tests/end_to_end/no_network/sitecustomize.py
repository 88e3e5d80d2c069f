"""Put first on ``PYTHONPATH``, this shuts every Python process off from the network; loopback stays open.

Each attempt to leave the machine is written to the file that ``SHOPWRIGHT_NETWORK_LOG`` names, and refused.
Child processes (dbt, the Spark driver) inherit both variables.
"""

import ipaddress
import os
import socket
import sys

_connect, _connect_ex, _sendto, _getaddrinfo = (
    socket.socket.connect,
    socket.socket.connect_ex,
    socket.socket.sendto,
    socket.getaddrinfo,
)


def _is_here(host):
    name = host.decode() if isinstance(host, bytes) else host
    if not name or name in {"localhost", "0.0.0.0", "::", socket.gethostname()}:
        return True
    try:
        return ipaddress.ip_address(name.split("%")[0]).is_loopback
    except ValueError:
        return False


def _refuse(what, address):
    with open(os.environ["SHOPWRIGHT_NETWORK_LOG"], "a") as log:
        log.write(f"{what} {address!r} by {sys.argv}\n")
    raise ConnectionRefusedError(f"{what} {address!r}: the network is shut off in this test")


def _guarded(what, call):
    def guarded(self, *arguments):
        address = arguments[-1]
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_here(address[0]):
            _refuse(what, address)
        return call(self, *arguments)

    return guarded


def _resolve(host, *arguments, **options):
    if not _is_here(host):
        _refuse("getaddrinfo", host)
    return _getaddrinfo(host, *arguments, **options)


socket.socket.connect = _guarded("connect", _connect)
socket.socket.connect_ex = _guarded("connect_ex", _connect_ex)
socket.socket.sendto = _guarded("sendto", _sendto)
socket.getaddrinfo = _resolve

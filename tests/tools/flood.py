"""Takes connections and streams of a running service away, and looks whether others are still answered.

    python flood.py HOST PORT

Comes from 127.0.0.2 and its neighbours; the one who is to be answered comes from 127.0.0.1. Fails with the first thing that is
wrong. Prints what was measured as JSON.
"""

import json
import resource
import socket
import sys
import threading
import time

CONNECTIONS = 10_000
STREAMS = 128
ADDRESS = (sys.argv[1], int(sys.argv[2]))


def connect(source: str) -> socket.socket:
    return socket.create_connection(ADDRESS, timeout=20, source_address=(source, 0))


def send(client: socket.socket, path: str) -> None:
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())


def head(client: socket.socket) -> str:
    """The answer's head, or what came of it."""
    got = b""
    while b"\r\n\r\n" not in got:
        more = client.recv(4096)
        if not more:
            break
        got += more
    return got.decode(errors="replace")


def status(source: str, path: str) -> str:
    with connect(source) as client:
        send(client, path)
        return head(client)


def flood() -> dict:
    """So many connections of one address, each with half a request; meanwhile another address asks for /healthz."""
    held, waits, over = [], [], threading.Event()

    def ask() -> None:
        while not over.is_set():
            begun = time.monotonic()
            said = status("127.0.0.1", "/healthz")
            assert " 200 " in said, said
            waits.append(time.monotonic() - begun)

    asking = threading.Thread(target=ask)
    asking.start()
    begun = time.monotonic()
    for number in range(CONNECTIONS):
        client = connect("127.0.0.2")
        try:
            client.sendall(b"GET /healthz HTTP/1.1\r\n")
        except OSError:
            pass  # It was closed at once.
        if number < 4000:
            held.append(client)
        else:
            client.close()
    took = time.monotonic() - begun
    over.set()
    asking.join()
    for client in held:
        client.close()
    assert len(waits) > 10, waits
    return {"connections": CONNECTIONS, "seconds": took, "others": len(waits), "longest_wait": max(waits)}


def streams() -> dict:
    """Streams end at a number of one address and of all, with a word; those that are given back can be taken again."""
    held = []
    for source in ["127.0.0.2", "127.0.0.3"]:
        for _ in range(STREAMS // 2):
            client = connect(source)
            send(client, "/api/v1/live/stream")
            said = head(client)
            assert " 200 " in said, said
            held.append(client)
        said = status(source, "/api/v1/live/stream")
        assert " 429 " in said and "retry-after: 2" in said and "application/problem+json" in said, said
    said = status("127.0.0.4", "/api/v1/live/stream")
    assert " 503 " in said and "retry-after: 2" in said and "application/problem+json" in said, said
    assert " 200 " in status("127.0.0.4", "/api/v1/live")
    for client in held:
        client.close()
    until = time.monotonic() + 20
    while " 200 " not in (said := status("127.0.0.4", "/api/v1/live/stream")):
        assert time.monotonic() < until, said
    return {"streams": len(held)}


def answers() -> dict:
    """Answers from tables at one time: what is too much is said."""
    path = "/api/v1/series?source=lobby&attribute=age&from=2025-01-01&to=2026-01-01"
    clients = [connect("127.0.0.2") for _ in range(100)]
    for client in clients:
        send(client, path)
    said = [head(client) for client in clients]
    busy = [one for one in said if " 429 " in one]
    assert all("retry-after: 2" in one for one in busy), busy
    assert all(" 200 " in one or " 429 " in one for one in said), said
    assert busy, "no limit was met"
    return {"answered": len(said) - len(busy), "busy": len(busy)}


def main() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    print(json.dumps({**answers(), **streams(), **flood()}))


main()

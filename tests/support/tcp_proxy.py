"""A TCP proxy between luge and a server, which can cut connections and change what the server says on a replication stream."""
import socket
import struct
import threading


class TcpProxy:
    """Listens on a loopback port of its own. `change` sees each CopyData payload of a replication stream and returns what to send instead.

    Only connections that ask for replication are looked into; the others pass through untouched.
    """

    def __init__(self, port, change=None):
        self.target = ("127.0.0.1", port)
        self.change = change
        self.refuse = False
        self.throttle = None  # bytes per send of what the server says
        self.connections = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            if self.refuse:
                client.close()
                continue
            try:
                server = socket.create_connection(self.target)
            except OSError:
                client.close()
                continue
            self.connections.append((client, server))
            threading.Thread(target=self.serve, args=(client, server), daemon=True).start()

    def serve(self, client, server):
        try:
            start = receive_start(client, server)
            threading.Thread(target=pump, args=(client, server), daemon=True).start()
            if b"replication\0" in start and self.change:
                self.pump_messages(server, client)
            else:
                pump(server, client, self)
        except OSError:
            pass
        finally:
            close(client)
            close(server)

    def pump_messages(self, server, client):
        """Forwards whole messages of the server, changed where they are CopyData of a CopyBoth."""
        streaming = False
        while True:
            head = receive_exactly(server, 5)
            tag, length = head[:1], struct.unpack("!I", head[1:])[0]
            body = receive_exactly(server, length - 4)
            streaming = streaming or tag == b"W"
            if tag == b"d" and streaming:
                for payload in self.change(body):
                    client.sendall(b"d" + struct.pack("!I", len(payload) + 4) + payload)
            else:
                client.sendall(head + body)

    def cut(self, abruptly=True):
        """Ends all connections: with a reset, or in an orderly way."""
        for client, server in self.connections:
            if abruptly:
                for end in (client, server):
                    try:
                        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    except OSError:
                        pass
            close(client)
            close(server)
        self.connections.clear()

    def close(self):
        close(self.listener)
        self.cut()


def receive_start(client, server):
    """Passes the start-up packet on, after any question about TLS or GSS has been answered by the server; returns it."""
    while True:
        head = receive_exactly(client, 4)
        packet = head + receive_exactly(client, struct.unpack("!I", head)[0] - 4)
        server.sendall(packet)
        if len(packet) != 8 or struct.unpack("!I", packet[4:])[0] not in (80877103, 80877104):
            return packet
        client.sendall(receive_exactly(server, 1))


def receive_exactly(end, count):
    data = bytearray()
    while len(data) < count:
        piece = end.recv(min(65536, count - len(data)))
        if not piece:
            raise OSError("closed")
        data += piece
    return bytes(data)


def pump(source, target, proxy=None):
    try:
        while data := source.recv(65536):
            step = proxy.throttle if proxy and proxy.throttle else len(data)
            for i in range(0, len(data), step):
                target.sendall(data[i:i + step])
    except OSError:
        pass
    try:
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def close(end):
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    end.close()

/// A server of smart HTTP that answers as no Git server would, written in Python, on a port of its own.
package final class HostileGitServer: Sendable {
    /// What it does.
    package enum Behaviour: String, Sendable {
        /// Sends a small pack whose deltas unpack to two gigabytes.
        case deltaBomb
        /// Says that it has a million refs.
        case manyReferences
        /// Sends a commit without its tree.
        case hole
        /// Begins a pack, and then sends nothing.
        case stall
        /// Begins a pack, and then sends a byte now and then.
        case trickle
    }

    /// The URL of its one repository.
    package let url: String
    private let process: BackgroundProcess
    private let scratch = TemporaryDirectory("strongroom-hostile")

    /// Starts a server.
    package init(_ behaviour: Behaviour) {
        let port = BackgroundProcess.freePort()
        url = "http://localhost:\(port)/x.git"
        ScratchRepository(at: scratch.path).write("server.py", HostileGitServer.script)
        process = BackgroundProcess(
            "python3", [scratch.file("server.py"), "\(port)", behaviour.rawValue], log: scratch.file("log"))
        BackgroundProcess.awaitPort(port, log: scratch.file("log"))
    }

    private static let script = #"""
        import hashlib, struct, sys, time, zlib
        from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
        behaviour = sys.argv[2]

        def name(kind, body):
            return hashlib.sha1(kind + b" %d\0" % len(body) + body).digest()

        def packed(kind, size, body, base=b""):
            head, size = [(kind << 4) | (size & 15)], size >> 4
            while size:
                head[-1] |= 128
                head.append(size & 127)
                size >>= 7
            return bytes(head) + base + zlib.compress(body)

        def varint(n):
            out = []
            while True:
                out.append((n & 127) | (128 if n >> 7 else 0))
                n >>= 7
                if not n: return bytes(out)

        def copies(base_size, count, piece):
            # Copy `piece` bytes from offset 0, `count` times.
            op = bytes([0x80 | 0x10 | 0x20 | 0x40]) + struct.pack("<I", piece)[:3]
            return varint(base_size) + varint(piece * count) + op * count

        def pack(objects):
            body = b"PACK" + struct.pack(">II", 2, len(objects)) + b"".join(objects)
            return body + hashlib.sha1(body).digest()

        tree_name = bytes.fromhex("4b825dc642cb6eb9a060e54bf8d69288fbee4904")
        if behaviour == "hole":
            tree_name = b"\x11" * 20
        commit = (b"tree " + tree_name.hex().encode() + b"\nauthor A <a@b> 1 +0000\n"
                  b"committer A <a@b> 1 +0000\n\nhostile\n")
        head = name(b"commit", commit)
        objects = [packed(1, len(commit), commit)]
        if behaviour != "hole":
            objects.append(packed(2, 0, b""))
        if behaviour == "deltaBomb":
            base = b"\0" * (1 << 20)
            first = copies(1 << 20, 64, (1 << 20))
            middle = b"\0" * (64 << 20)
            second = copies(64 << 20, 2000, 1 << 20)
            objects += [packed(3, len(base), base), packed(7, len(first), first, name(b"blob", base)),
                        packed(7, len(second), second, name(b"blob", middle))]

        def line(data):
            return b"%04x" % (len(data) + 4) + data

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            def log_message(self, *_): pass
            def begin(self, kind):
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
            def chunk(self, data):
                self.wfile.write(b"%x\r\n" % len(data) + data + b"\r\n")
                self.wfile.flush()
            def do_GET(self):
                self.begin("application/x-git-upload-pack-advertisement")
                caps = b"\0side-band-64k symref=HEAD:refs/heads/main\n"
                self.chunk(line(b"# service=git-upload-pack\n") + b"0000")
                self.chunk(line(head.hex().encode() + b" HEAD" + caps))
                if behaviour == "manyReferences":
                    for start in range(0, 1000000, 10000):
                        self.chunk(b"".join(line(head.hex().encode() + b" refs/heads/b%07d\n" % n)
                                            for n in range(start, start + 10000)))
                else:
                    self.chunk(line(head.hex().encode() + b" refs/heads/main\n"))
                self.chunk(b"0000")
                self.chunk(b"")
            def do_POST(self):
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.begin("application/x-git-upload-pack-result")
                self.chunk(line(b"NAK\n"))
                data = pack(objects)
                if behaviour in ("stall", "trickle"):
                    self.chunk(line(b"\1" + data[:20]))
                    while behaviour == "stall": time.sleep(1)
                    for byte in data[20:]:
                        self.chunk(line(b"\1" + bytes([byte])))
                        time.sleep(0.3)
                for start in range(0, len(data), 60000):
                    self.chunk(line(b"\1" + data[start:start + 60000]))
                self.chunk(b"0000")
                self.chunk(b"")

        ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()

        """#
}

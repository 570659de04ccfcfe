/// Passes TCP connections on to another port of this machine, and can be told to stop in the middle of an answer.
package final class StallingProxy: Sendable {
    /// The port that it listens on.
    package let port: UInt16
    private let process: BackgroundProcess
    private let scratch = TemporaryDirectory("strongroom-proxy")

    /// Starts passing on to `upstream`.
    package init(to upstream: UInt16) {
        port = BackgroundProcess.freePort()
        ScratchRepository(at: scratch.path).write("proxy.py", StallingProxy.script)
        process = BackgroundProcess(
            "python3", [scratch.file("proxy.py"), "\(port)", "\(upstream)", scratch.file("limit")],
            log: scratch.file("log"))
        BackgroundProcess.awaitPort(port, log: scratch.file("log"))
    }

    /// From now on, passes on so many bytes of what is answered on each connection, and then nothing.
    package func stall(after byteCount: Int) {
        ScratchRepository(at: scratch.path).write("limit", "\(byteCount)")
    }

    /// From now on, passes on everything.
    package func flow() { TemporaryDirectory.removeTree(scratch.file("limit")) }

    private static let script = #"""
        import os, socket, sys, threading, time
        port, upstream, limit_file = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]

        def limit():
            try:
                with open(limit_file) as f: return int(f.read() or 0)
            except FileNotFoundError:
                return None

        def pump(source, target, bound):
            passed = 0
            try:
                while data := source.recv(4096):
                    if bound is not None and passed + len(data) > bound:
                        target.sendall(data[:bound - passed])
                        while True: time.sleep(1)
                    passed += len(data)
                    target.sendall(data)
                target.shutdown(socket.SHUT_WR)
            except OSError:
                pass

        listener = socket.create_server(("127.0.0.1", port))
        while True:
            client, _ = listener.accept()
            server = socket.create_connection(("127.0.0.1", upstream))
            threading.Thread(target=pump, args=(client, server, None), daemon=True).start()
            threading.Thread(target=pump, args=(server, client, limit()), daemon=True).start()

        """#
}

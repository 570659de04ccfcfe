import Glibc

/// moto's S3 (PyPI) on this machine, on a port of its own: from the environment that Scripts/packages makes. In front of it
/// stands a check of each request's signature over what was really sent, which moto does not make, and a lock, since it
/// looks and writes in two steps.
package final class MotoServer: Sendable {
    /// The endpoint.
    package let endpoint: String
    private let process: BackgroundProcess
    private let scratch = TemporaryDirectory("strongroom-moto")

    /// AWS's published example credentials, which open nothing else: the id of a key.
    package static let accessKeyID = "AKIAIOSFODNN7EXAMPLE"
    /// And its secret, which signatures are checked with.
    package static let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

    /// What a test that needs it says when it is left out.
    package static let absence = "moto is not installed (Scripts/packages test)"

    /// Whether it is here, or has to be (CI).
    package static var isExpected: Bool { unsafe access(python, X_OK) == 0 || Vectors.isCI }

    /// The server of the suite that runs.
    @TaskLocal package static var current: MotoServer?

    /// Starts a server with the buckets `strongroom`, `locked` (with object lock) and `retained` (which locks by default);
    /// over TLS with `certificate`, a PEM file of key and certificate.
    package init(certificate: String? = nil) {
        ScratchRepository(at: scratch.path).write("server.py", ServerPort.watch + MotoServer.script)
        process = BackgroundProcess(
            MotoServer.python,
            [scratch.file("server.py"), scratch.file("port"), MotoServer.secret, certificate ?? ""],
            log: scratch.file("log"))
        let scheme = certificate == nil ? "http" : "https"
        endpoint = "\(scheme)://localhost:\(ServerPort.await(scratch.file("port"), log: scratch.file("log")))"
    }

    private static let python: String = {
        let package = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(4)
        return package.joined(separator: "/") + "/.build/moto/bin/python"
    }()

    private static let script = #"""
        import hashlib, hmac, io, sys, threading
        from werkzeug.serving import make_server
        from werkzeug.test import Client
        from moto.server import DomainDispatcherApplication, MotoRequestHandler, create_backend_app

        inner = DomainDispatcherApplication(create_backend_app)
        secret = sys.argv[2].encode()
        lock = threading.Lock()

        def sign(key, text):
            return hmac.new(key, text.encode(), hashlib.sha256).digest()

        def is_signed(environ, body):
            kind, _, rest = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
            fields = dict(part.strip().partition("=")[::2] for part in rest.split(","))
            if kind != "AWS4-HMAC-SHA256":
                return False
            _, date, region, service, end = fields["Credential"].split("/")
            sent = hashlib.sha256(body).hexdigest()
            if environ["HTTP_X_AMZ_CONTENT_SHA256"] != sent:
                return False
            path, _, query = environ["REQUEST_URI"].partition("?")
            names = fields["SignedHeaders"].split(";")
            for name in environ:
                if name.startswith("HTTP_X_AMZ_") and name[5:].replace("_", "-").lower() not in names:
                    return False
            def value(name):
                key = name.upper().replace("-", "_")
                return environ[key if key == "CONTENT_TYPE" else "HTTP_" + key].strip()
            request = "\n".join(
                [environ["REQUEST_METHOD"], path, "&".join(sorted(query.split("&")))]
                + ["%s:%s" % (name, value(name)) for name in names] + ["", ";".join(names), sent])
            text = "\n".join(["AWS4-HMAC-SHA256", environ["HTTP_X_AMZ_DATE"], "/".join([date, region, service, end]),
                              hashlib.sha256(request.encode()).hexdigest()])
            key = b"AWS4" + secret
            for part in (date, region, service, end):
                key = sign(key, part)
            return hmac.compare_digest(sign(key, text).hex(), fields["Signature"])

        def app(environ, start):
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            environ["wsgi.input"] = io.BytesIO(body)
            try:
                signed = is_signed(environ, body)
            except (KeyError, ValueError):
                signed = False
            if not signed:
                start("403 Forbidden", [("Content-Type", "application/xml")])
                return [b"<Error><Code>SignatureDoesNotMatch</Code></Error>"]
            with lock:
                return list(inner(environ, start))

        client = Client(inner)
        def make(path, headers={}, data=b""):
            answer = client.put(path, base_url="http://localhost", headers=headers, data=data)
            assert answer.status_code == 200, (path, answer.status_code, answer.data)
        make("/strongroom")
        make("/locked", {"x-amz-bucket-object-lock-enabled": "true"})
        make("/retained", {"x-amz-bucket-object-lock-enabled": "true"})
        make("/retained?object-lock", data=b"<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled>"
             b"<Rule><DefaultRetention><Mode>GOVERNANCE</Mode><Days>2</Days></DefaultRetention></Rule>"
             b"</ObjectLockConfiguration>")
        tls = (sys.argv[3], sys.argv[3]) if sys.argv[3] else None
        server = make_server(
            "127.0.0.1", 0, app, threaded=True, request_handler=MotoRequestHandler, ssl_context=tls)
        open(sys.argv[1], "w").write("%d\n" % server.port)
        server.serve_forever()

        """#
}

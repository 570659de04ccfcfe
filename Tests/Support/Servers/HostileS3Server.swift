/// A small S3 in Python that keeps objects in memory and goes wrong in one way, on a port of its own.
package final class HostileS3Server: Sendable {
    /// The endpoint.
    package let endpoint: String
    private let process: BackgroundProcess
    private let scratch = TemporaryDirectory("strongroom-s3")

    /// Starts a server that goes wrong as `mode` says, `count` times where that has a meaning; over TLS with
    /// `certificate`, a PEM file of key and certificate.
    package init(
        _ mode: String = "none", _ count: Int = 1, certificate: String? = nil, host: String = "localhost"
    ) {
        ScratchRepository(at: scratch.path).write("server.py", ServerPort.watch + HostileS3Server.script)
        process = BackgroundProcess(
            "python3",
            [
                scratch.file("server.py"), scratch.file("port"), mode, "\(count)", scratch.file("requests"),
                certificate ?? "",
            ],
            log: scratch.file("log"))
        let port = ServerPort.await(scratch.file("port"), log: scratch.file("log"))
        endpoint = "\(certificate == nil ? "http" : "https")://\(host):\(port)"
    }

    /// Lines of `METHOD PATH` for each request so far.
    package var requests: [String] {
        ShellCommand.run("cat", [scratch.file("requests")]).text.split(separator: "\n").map(String.init)
    }

    private static let script = #"""
        import socket, ssl, sys, threading, time, urllib.parse
        from email.utils import formatdate
        from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

        mode, times, log = sys.argv[2], int(sys.argv[3]), open(sys.argv[4], "a", buffering=1)
        objects, marks, uploads, lock = {}, {}, {}, threading.Lock()
        left = times

        def error(code, more=""):
            return ("<?xml version=\"1.0\"?>\n<Error><Code>%s</Code><Message>m</Message>%s</Error>" % (code, more)).encode()

        def entry(key, size):
            return "<Contents><Key>%s</Key><Size>%d</Size></Contents>" % (key, size)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            def log_message(self, *_): pass
            def date_time_string(self, timestamp=None):
                return formatdate(time.time() + (-3600 if mode in ("skew", "late") else 0), usegmt=True)

            def answer(self, status, body=b"", headers=(), length=None, cut=None):
                self.send_response(status)
                for name, value in headers: self.send_header(name, value)
                if length is not False: self.send_header("Content-Length", str(len(body) if length is None else length))
                self.end_headers()
                if self.command != "HEAD": self.wfile.write(body if cut is None else body[:cut])
                if cut is not None or length is False: self.hang_up()

            def hang_up(self):
                self.wfile.flush()
                self.close_connection = True
                try: self.connection.shutdown(socket.SHUT_RDWR)
                except OSError: pass

            def is_next(self, *modes):
                global left
                with lock:
                    if mode not in modes or left == 0: return False
                    left -= 1
                    return True

            def handle_it(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                path, _, query = self.path.partition("?")
                query = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
                log.write("%s %s\n" % (self.command, self.path))
                key = urllib.parse.unquote(path).split("/", 2)[2] if path.count("/") > 1 else None
                method = self.command
                if self.is_next("slowDown"): return self.answer(503, error("SlowDown"))
                if self.is_next("retryAfter"):
                    return self.answer(503, error("SlowDown"), [("Retry-After", "7")])
                if self.is_next("retryAtDate"):
                    return self.answer(503, b"", [("Retry-After", formatdate(time.time() + 9, usegmt=True))])
                if self.is_next("tooMuch"): return self.answer(429, b"", [("Retry-After", "3600")])
                if self.is_next("internal"): return self.answer(500, error("InternalError"))
                if self.is_next("hangUp"): return self.hang_up()
                if mode == "redirect":
                    return self.answer(307, error("TemporaryRedirect"), [("Location", "http://localhost:%d/elsewhere" % port)])
                if mode == "region":
                    return self.answer(301, error("PermanentRedirect"), [("x-amz-bucket-region", "eu-west-9")])
                if mode == "malformedRegion":
                    return self.answer(400, error("AuthorizationHeaderMalformed", "<Region>eu-west-9</Region>"))
                if mode == "skew": return self.answer(403, error("RequestTimeTooSkewed"))
                if mode == "denied": return self.answer(403, error("AccessDenied"))
                if mode == "noBucket": return self.answer(404, error("NoSuchBucket"))
                if mode == "full": return self.answer(507, error("InsufficientStorage"))
                if mode == "quota": return self.answer(403, error("QuotaExceeded"))
                if mode == "echo":
                    said = "&".join("%s: %s" % pair for pair in self.headers.items()).replace("&", " ")
                    return self.answer(403, error("SignatureDoesNotMatch", "<StringToSign>%s</StringToSign>" % said))
                if mode == "echoCode": return self.answer(403, error(self.headers["Authorization"]))
                if mode == "hugeError": return self.answer(403, error("AccessDenied", "x" * (8 << 20)))
                if mode == "hugeHeader":
                    return self.answer(200, b"", [("x-%d" % n, "y" * 4000) for n in range(40)])
                if mode == "notHTTP":
                    self.wfile.write(b"220 mail.example.org ESMTP\r\n")
                    return self.hang_up()
                if mode == "stall": return time.sleep(60)
                if mode == "expired" and "NEWKEY" not in self.headers["Authorization"]:
                    return self.answer(403, error("ExpiredToken"))
                if key is None and "delete" in query: return self.delete(body)
                if key is None: return self.bucket(method, query)
                if method == "PUT" and "partNumber" in query:
                    uploads[query["uploadId"]][int(query["partNumber"])] = body
                    return self.answer(200, b"", [("ETag", "\"part&%s\"" % query["partNumber"])])
                if method == "PUT": return self.put(key, body)
                if method == "POST": return self.post(key, query, body)
                if method == "DELETE":
                    if "uploadId" in query: uploads.pop(query["uploadId"], None)
                    else: objects.pop(key, None)
                    return self.answer(204, b"", length=None)
                if key not in objects: return self.answer(404, error("NoSuchKey"))
                self.get(objects[key], [("x-amz-meta-strongroom-put", marks[key])])

            def put(self, key, body):
                if mode == "wantsChecksum" and "x-amz-checksum-sha256" not in self.headers:
                    return self.answer(400, ("<Error><Code>InvalidRequest</Code><Message>Content-MD5 OR x-amz-checksum- "
                                             "HTTP header is required</Message></Error>").encode())
                if "If-None-Match" in self.headers:
                    if mode == "refusesCondition": return self.answer(501, error("NotImplemented"))
                    if self.is_next("conflict"): return self.answer(409, error("ConditionalRequestConflict"))
                    if key in objects and mode != "ignoresCondition":
                        return self.answer(412, error("PreconditionFailed"))
                if mode == "overtaken":
                    objects[key], marks[key] = b"another", "another"
                    if self.is_next("overtaken"): return self.hang_up()
                objects[key], marks[key] = body, self.headers.get("x-amz-meta-strongroom-put")
                if self.is_next("lostPut"): return self.hang_up()
                self.answer(200, b"", [("ETag", "\"x\"")])

            def post(self, key, query, body):
                if "uploads" in query:
                    name = "upload/%d+" % len(uploads)
                    uploads[name] = {}
                    marks[name] = self.headers.get("x-amz-meta-strongroom-put")
                    return self.answer(200, ("<InitiateMultipartUploadResult><UploadId>%s</UploadId>"
                                             "</InitiateMultipartUploadResult>" % name).encode())
                name = query["uploadId"]
                if self.is_next("lostUpload"): uploads.pop(name)
                if name not in uploads: return self.answer(404, error("NoSuchUpload"))
                if self.is_next("completeError"): return self.answer(200, b"\n  \n" + error("InternalError"))
                if mode == "completeDenied": return self.answer(200, error("AccessDenied"))
                if "If-None-Match" in self.headers and key in objects:
                    return self.answer(412, error("PreconditionFailed"))
                assert all(b"<ETag>\"part&amp;%d\"</ETag>" % n in body for n in uploads[name])
                parts = uploads.pop(name)
                objects[key], marks[key] = b"".join(parts[n] for n in sorted(parts)), marks[name]
                if self.is_next("lostComplete"): return self.hang_up()
                self.answer(200, b"   <CompleteMultipartUploadResult/>")

            def delete(self, body):
                if mode == "refusesBatch": return self.answer(501, error("NotImplemented"))
                answer = ""
                for key in body.decode().split("<Key>")[1:]:
                    key = key.partition("<")[0]
                    if self.is_next("batchError"):
                        answer += "<Error><Key>%s</Key><Code>InternalError</Code></Error>" % key
                    else: objects.pop(key, None)
                self.answer(200, ("<DeleteResult>%s</DeleteResult>" % answer).encode())

            def get(self, data, headers):
                asked = self.headers.get("Range")
                if mode == "ignoresRange" or not asked or self.command == "HEAD":
                    if self.command == "GET" and mode == "noLength":
                        return self.answer(200, data[:len(data) // 2], headers, length=False)
                    if self.command == "GET" and self.is_next("cut"):
                        return self.answer(200, data, headers, cut=len(data) // 2)
                    if self.command == "GET" and mode == "long":
                        return self.answer(200, data, headers, length=1 << 40, cut=len(data))
                    if mode == "trickle" and self.command == "GET":
                        self.send_response(200)
                        self.send_header("Content-Length", str(len(data)))
                        self.end_headers()
                        for byte in data:
                            self.wfile.write(bytes([byte]))
                            time.sleep(0.2)
                        return
                    return self.answer(200, data, headers)
                first, last = (int(n) for n in asked[6:].split("-"))
                if first >= len(data): return self.answer(416, error("InvalidRange"))
                part, place = data[first:last + 1], "bytes %d-%d/%d" % (first, min(last, len(data) - 1), len(data))
                if self.is_next("extra"):
                    return self.answer(206, part, [("Content-Range", place)], length=len(part) // 2)
                if mode == "shortRange": part = part[:-1]
                if mode == "otherRange": place = "bytes %d-%d/%d" % (first + 1, min(last, len(data) - 1) + 1, len(data))
                if mode == "longRange": part += b"more"
                if self.is_next("cut"): return self.answer(206, part, [("Content-Range", place)], cut=len(part) // 2)
                self.answer(206, part, [("Content-Range", place)] if mode != "noPlace" else [])

            def bucket(self, method, query):
                if "uploads" in query:
                    when = "2020-01-01T00:00:00.000Z" if mode == "oldUploads" else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
                    uploads["one+"] = {}
                    return self.answer(200, ("<ListMultipartUploadsResult><Upload><Key>some/prefix/packs/half</Key>"
                        "<UploadId>one+</UploadId><Initiated>%s</Initiated></Upload><Upload><Key>foreign</Key>"
                        "<UploadId>two</UploadId><Initiated>%s</Initiated></Upload></ListMultipartUploadsResult>"
                        % (when, when)).encode())
                root = "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">%s</ListBucketResult>"
                found = sorted(k for k in objects if k.startswith(query.get("prefix", "")))
                found = [entry(urllib.parse.quote(k, safe=""), len(objects[k])) for k in found]
                bad = {
                    "listText": "it works!", "listEmpty": "", "listHTML": "<html><body>ok</body></html>",
                    "listTruncated": root % entry("some/prefix/a", 1)[:-12],
                    "listOpen": (root % entry("some/prefix/a", 1))[:-20],
                    "listDoctype": "<!DOCTYPE r [<!ENTITY a \"b\">]>" + root % "&a;",
                    "listEntity": root % "<Contents><Key>&a;</Key><Size>1</Size></Contents>",
                    "listDeep": "<a>" * 5000 + "</a>" * 5000,
                    "listNoSize": root % "<Contents><Key>some/prefix/a</Key></Contents>",
                    "listNegative": root % entry("some/prefix/a", -1),
                    "listHuge": root % "<Contents><Key>some/prefix/a</Key><Size>99999999999999999999</Size></Contents>",
                    "listNoKey": root % "<Contents><Size>1</Size></Contents>",
                    "listBadEscape": root % entry("some%2", 1),
                    "listNoToken": root % "<IsTruncated>true</IsTruncated>",
                    "listSameToken": root % "<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>",
                    "listLong": root % (" " * (9 << 20)),
                    "listTail": root % "" + "<more/>",
                }.get(query.get("prefix", "").split("/")[0])
                if bad is not None: return self.answer(200, bad.encode())
                if mode == "listForeign":
                    keys = ["some/prefix/a", "some/prefix/", "some/prefix/UPPER", "some/prefix/.hidden", "some/prefix/a//b",
                            "other/a", "some/prefixa", "some/prefix/%01%FF", "some/prefix/b&amp;c", "some/prefix/a"]
                    return self.answer(200, (root % "".join(entry(k, 1) for k in keys)).encode())
                if mode == "pages":
                    start = int(query.get("continuation-token", "0 &+")[:-3])
                    more = start + 2 < len(found)
                    text = "".join(found[start:start + 2]) + "<IsTruncated>%s</IsTruncated>" % str(more).lower()
                    if more: text += "<NextContinuationToken>%d &amp;+</NextContinuationToken>" % (start + 2)
                    return self.answer(200, (root % text).encode())
                self.answer(200, (root % "".join(found)).encode())

            do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = handle_it

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        port = server.server_address[1]
        if sys.argv[5]:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(sys.argv[5])
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        server.daemon_threads = True
        open(sys.argv[1], "w").write("%d\n" % port)
        server.serve_forever()

        """#
}

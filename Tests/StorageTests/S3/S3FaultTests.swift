import Encodings
import Support
import Synchronization
import Testing

@testable import Storage

/// Over a server that goes wrong: what a real endpoint or the way to it can do, and moto does not.
@Suite(.serialized) struct S3FaultTests {
    let name: ObjectName

    init() throws { name = try ObjectName("packs/ab12") }

    // MARK: - Tries

    @Test(arguments: ["slowDown", "internal", "hangUp"])
    func `a request that failed for the moment is made again`(mode: String) async throws {
        let server = HostileS3Server(mode, 3)
        let pauses = Pauses()
        let store = try server.store(pauses: pauses)
        try await store.put(name, [1, 2, 3], ifAbsent: true)
        #expect(try await store.get(name, limit: 3) == [1, 2, 3])
        #expect(pauses.all.count >= 3)
        #expect(server.requests.prefix(4).allSatisfy { $0.hasPrefix("PUT /bucket/some/prefix/packs/ab12") })
    }

    @Test func `tries are bounded, and the error says what went on`() async throws {
        for (mode, wanted) in [
            ("slowDown", StorageError.Code.busy), ("internal", .io), ("hangUp", .unreachable),
        ] {
            let server = HostileS3Server(mode, -1)
            let pauses = Pauses()
            let store = try server.store(pauses: pauses)
            let error = await error { try await store.put(name, [1], ifAbsent: false) }
            #expect(error?.code == wanted)
            #expect(pauses.all.count == 7)
            #expect(server.requests.count == 8)
            #expect(error?.description.contains("s3://bucket/some/prefix/packs/ab12: ") == true)
            #expect(error?.description.contains("8 tries") == true)
        }
    }

    @Test func `Retry-After is waited for, and one beyond the bound ends the tries`() async throws {
        let pauses = Pauses()
        let patient = try HostileS3Server("retryAfter").store(pauses: pauses)
        try await patient.put(name, [1], ifAbsent: true)
        #expect(pauses.all.count == 1)
        #expect(pauses.all.allSatisfy { $0 >= .seconds(7) })
        let dated = try HostileS3Server("retryAtDate").store(pauses: pauses)
        try await dated.put(name, [1], ifAbsent: true)
        #expect(pauses.all.count == 2)
        #expect(pauses.all.allSatisfy { $0 >= .seconds(7) })
        let server = HostileS3Server("tooMuch", -1)
        let store = try server.store(pauses: pauses)
        #expect(await code { try await store.put(name, [1], ifAbsent: true) } == .busy)
        #expect(server.requests.count == 1)
    }

    @Test func `an endpoint that nobody serves is told with its address`() async throws {
        let port = BackgroundProcess.freePort()
        let pauses = Pauses()
        let store = try S3Store(
            S3Location("s3://bucket", endpoint: "http://localhost:\(port)"), now: systemTime,
            pause: { pauses.note($0) },
            credentials: { () throws(StorageError) in try TestCredentials.make() })
        let error = await error { _ = try await store.list(below: nil) }
        #expect(error?.code == .unreachable)
        #expect(error?.description.contains("http://localhost:\(port)") == true)
        #expect(error?.description.contains("3 tries") == true)
        #expect(pauses.all.count == 2)
    }

    @Test func `an endpoint that never answers is left after the time given`() async throws {
        for mode in ["stall", "trickle"] {
            var settings = S3Settings()
            (settings.stallTimeout, settings.requestTimeout) = (.seconds(1), .seconds(1))
            settings.retries.silentAttempts = 2
            let server = HostileS3Server(mode)
            let store = try server.store(settings)
            if mode == "trickle" {
                try await server.store().put(name, [UInt8](repeating: 1, count: 200), ifAbsent: true)
            }
            #expect(await code { _ = try await store.get(name, limit: 200) } == .unreachable)
            #expect(server.requests.filter { $0.hasPrefix("GET") }.count == 2)
        }
    }

    @Test func `a cancelled task ends its request`() async throws {
        let server = HostileS3Server("stall")
        let store = try server.store()
        let task = Task { await code { _ = try await store.get(name, limit: 1) } }
        while server.requests.isEmpty { await Task.yield() }
        task.cancel()
        #expect(await task.value == .cancelled)
    }

    // MARK: - Answers that are cut or not true

    @Test func `a body that is cut short is fetched again, and never taken for the whole`() async throws {
        let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0) }
        let patient = try HostileS3Server("cut", 2).store()
        try await patient.put(name, bytes, ifAbsent: true)
        #expect(try await patient.get(name, limit: bytes.count) == bytes)
        let store = try HostileS3Server("cut", -1).store()
        try await store.put(name, bytes, ifAbsent: true)
        #expect(await code { _ = try await store.get(name, limit: bytes.count) } == .unreachable)
        #expect(await code { _ = try await store.get(name, range: 10..<90_000) } == .unreachable)
    }

    @Test func `bytes beyond the announced length don't get into the next answer`() async throws {
        var settings = S3Settings()
        settings.connectionLimit = 1
        let server = HostileS3Server("extra")
        let store = try server.store(settings)
        try await store.put(name, [1, 2, 3, 4], ifAbsent: true)
        #expect(await code { _ = try await store.get(name, range: 0..<4) } == .invalidAnswer)
        #expect(try await store.get(name, limit: 4) == [1, 2, 3, 4])
        #expect(try await store.list(below: nil).map(\.byteCount) == [4])
    }

    @Test func `a body whose end nothing marks is refused`() async throws {
        let store = try HostileS3Server("noLength").store()
        try await store.put(name, [1, 2, 3, 4], ifAbsent: true)
        #expect(await code { _ = try await store.get(name, limit: 4) } == .invalidAnswer)
    }

    @Test func `an announced length beyond the limit is refused before a byte of it is kept`() async throws {
        let store = try HostileS3Server("long").store()
        try await store.put(name, [1, 2, 3, 4], ifAbsent: true)
        #expect(await code { _ = try await store.get(name, limit: 100) } == .limit)
    }

    @Test(arguments: ["ignoresRange", "shortRange", "otherRange", "longRange", "noPlace"])
    func `a range that is not the one asked for is refused`(mode: String) async throws {
        let store = try HostileS3Server(mode).store()
        try await store.put(name, (0..<100).map { UInt8($0) }, ifAbsent: true)
        #expect(await code { _ = try await store.get(name, range: 10..<20) } == .invalidAnswer)
        #expect(await code { _ = try await store.get(name, range: 0..<99) } == .invalidAnswer)
    }

    @Test func `a listing that is none is refused, never taken for an empty one`() async throws {
        let server = HostileS3Server()
        for kind in [
            "listText", "listEmpty", "listHTML", "listTruncated", "listOpen", "listDoctype", "listEntity",
            "listDeep", "listNoSize", "listNegative", "listHuge", "listNoKey", "listBadEscape", "listNoToken",
            "listSameToken", "listTail",
        ] {
            let store = try server.store(url: "s3://bucket/\(kind)")
            let error = await error { _ = try await store.list(below: nil) }
            #expect(error?.code == .invalidAnswer, "\(kind)")
            #expect(error?.description.contains("s3://bucket/\(kind): ") == true)
        }
        let store = try server.store(url: "s3://bucket/listLong")
        #expect(await code { _ = try await store.list(below: nil) } == .limit)
    }

    @Test func `a listing goes on from page to page, and passes over what is no object of the store`()
        async throws
    {
        let store = try HostileS3Server("pages").store()
        for text in ["a", "b/c", "b/d", "e", "f"] {
            try await store.put(ObjectName(text), [1], ifAbsent: true)
        }
        #expect(try await store.list(below: nil).map(\.name.text) == ["a", "b/c", "b/d", "e", "f"])
        #expect(try await store.list(below: ObjectName("b")).map(\.name.text) == ["b/c", "b/d"])
        let foreign = try HostileS3Server("listForeign").store()
        #expect(try await foreign.list(below: nil).map(\.name.text) == ["a"])
    }

    @Test(arguments: ["notHTTP", "hugeHeader"])
    func `an answer that is no HTTP or has no end of headers is refused`(mode: String) async throws {
        let store = try HostileS3Server(mode).store()
        #expect(await code { _ = try await store.list(below: nil) } == .invalidAnswer)
    }

    @Test func `an error of any size is told by its code`() async throws {
        let store = try HostileS3Server("hugeError").store()
        #expect(await code { _ = try await store.list(below: nil) } == .permission)
    }

    // MARK: - Refusals

    @Test(arguments: [
        ("denied", StorageError.Code.permission, "AccessDenied"), ("noBucket", .bucketMissing, "create it"),
        ("region", .redirected, "region=eu-west-9"), ("malformedRegion", .redirected, "region=eu-west-9"),
        ("skew", .clockSkew, "s ahead of the endpoint's"),
    ])
    func `a refusal says cause and next step, and is not repeated`(
        mode: String, wanted: StorageError.Code, says: String
    ) async throws {
        let server = HostileS3Server(mode)
        let store = try server.store()
        for call in [
            { _ = try await store.list(below: nil) }, { _ = try await store.get(name, limit: 9) },
            { try await store.put(name, [1], ifAbsent: true) }, { try await store.remove(name) },
        ] as [() async throws -> Void] {
            let error = await error(call)
            #expect(error?.code == wanted)
            #expect(error?.description.contains(says) == true, "\(error?.description ?? "")")
        }
        #expect(server.requests.count == 4)
    }

    @Test(arguments: ["full", "quota"])
    func `F085: an endpoint without room is told as no space, and nothing is put`(mode: String) async throws {
        let server = HostileS3Server(mode)
        let store = try server.store()
        #expect(await code { try await store.put(name, [1], ifAbsent: true) } == .noSpace)
        var settings = S3Settings()
        settings.multipartThreshold = 0
        let inParts = try server.store(settings)
        #expect(await code { try await inParts.put(name, [1], ifAbsent: false) } == .noSpace)
    }

    @Test func `F037: a redirect is not followed, and the signature goes nowhere`() async throws {
        let server = HostileS3Server("redirect")
        let store = try server.store()
        let error = await error { try await store.put(name, [1], ifAbsent: true) }
        #expect(error?.code == .redirected)
        #expect(error?.description.contains("elsewhere") == false)
        #expect(server.requests == ["PUT /bucket/some/prefix/packs/ab12"])
    }

    @Test(arguments: ["echo", "echoCode"])
    func `F068: what an endpoint repeats of the request is in no error`(mode: String) async throws {
        let store = try HostileS3Server(mode).store { () throws(StorageError) in
            try TestCredentials.make(token: "canary-token")
        }
        let error = try #require(await error { _ = try await store.list(below: nil) })
        for secret in [TestCredentials.id, TestCredentials.secret, "canary-token", "Signature=", "AWS4"] {
            #expect(!"\(error)".contains(secret))
            #expect(!String(reflecting: error).contains(secret))
        }
    }

    @Test func `credentials that ran out are asked for once more`() async throws {
        let server = HostileS3Server("expired")
        let asked = Mutex(0)
        let store = try server.store { () throws(StorageError) in
            let count = asked.withLock { count in
                count += 1
                return count
            }
            return try TestCredentials.make(count == 1 ? "OLDKEY" : "NEWKEY")
        }
        try await store.put(name, [1], ifAbsent: true)
        #expect(asked.withLock { $0 } == 2)
        let stubborn = try server.store { () throws(StorageError) in try TestCredentials.make("OLDKEY") }
        #expect(await code { _ = try await stubborn.get(name, limit: 1) } == .credentials)
    }

    func error(_ body: () async throws -> Void) async -> StorageError? {
        do {
            try await body()
            return nil
        } catch {
            return error as? StorageError
        }
    }
}

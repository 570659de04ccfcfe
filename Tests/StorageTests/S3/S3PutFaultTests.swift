import Files
import Support
import Testing

@testable import Storage

/// Puts over a server that loses answers, or knows no conditions.
@Suite(.serialized) struct S3PutFaultTests {
    let name: ObjectName
    /// Everything goes in parts, of which there are three.
    let inParts: S3Settings
    let large = S3PutFaultTests.bytes
    private static let bytes = (0..<(11 << 20)).map { UInt8(truncatingIfNeeded: $0 >> 7) }

    init() throws {
        name = try ObjectName("packs/ab12")
        var settings = S3Settings()
        (settings.multipartThreshold, settings.partByteCount) = (1 << 20, 5 << 20)
        inParts = settings
    }

    @Test func `a put whose answer was lost knows its own object`() async throws {
        let server = HostileS3Server("lostPut")
        let store = try server.store()
        try await store.put(name, [1, 2], ifAbsent: true)
        #expect(try await store.get(name, limit: 2) == [1, 2])
        #expect(server.requests.filter { $0.hasPrefix("PUT") }.count == 2)
        #expect(await code { try await store.put(name, [1, 2], ifAbsent: true) } == .exists)
    }

    @Test func `a put whose answer was lost does not take another's object for its own`() async throws {
        let store = try HostileS3Server("overtaken").store()
        #expect(await code { try await store.put(name, [1, 2], ifAbsent: true) } == .exists)
    }

    @Test func `a put that met another one is made again`() async throws {
        let store = try HostileS3Server("conflict").store()
        try await store.put(name, [1], ifAbsent: true)
        #expect(try await store.get(name, limit: 1) == [1])
    }

    @Test func `an endpoint that refuses conditions gets puts that look first`() async throws {
        let server = HostileS3Server("refusesCondition")
        let store = try server.store()
        try await store.put(name, [1], ifAbsent: true)
        #expect(await code { try await store.put(name, [2], ifAbsent: true) } == .exists)
        #expect(try await store.get(name, limit: 1) == [1])
        #expect(server.requests.map { $0.prefix(4) } == ["PUT ", "HEAD", "PUT ", "HEAD", "GET "])
    }

    @Test
    func
        `an endpoint that passes over conditions is found by a probe, and kept from replacing by the settings`()
        async throws
    {
        let server = HostileS3Server("ignoresCondition")
        let report = await StoreProbe(try server.store(), now: systemTime).run()
        #expect(report[.putOnce]?.outcome == .fails)
        #expect(report.isUsable)
        #expect(report.needsUnconditionalPuts)
        var settings = S3Settings()
        settings.usesConditionalPuts = false
        let store = try server.store(settings)
        try await store.put(name, [1], ifAbsent: true)
        #expect(await code { try await store.put(name, [2], ifAbsent: true) } == .exists)
        #expect(try await store.get(name, limit: 1) == [1])
    }

    @Test func `a bucket that wants checksums gets them, once it has said so`() async throws {
        let server = HostileS3Server("wantsChecksum")
        let store = try server.store()
        try await store.put(name, [1], ifAbsent: true)
        try await store.put(ObjectName("b"), [1], ifAbsent: true)
        #expect(server.requests.count == 3)
    }

    // MARK: - In parts

    @Test(arguments: ["none", "slowDown", "completeError", "lostComplete", "lostUpload"])
    func `an upload in parts gets to its end`(mode: String) async throws {
        let server = HostileS3Server(mode, 1)
        let store = try server.store(inParts)
        try await store.put(name, large, ifAbsent: true)
        #expect(try await store.get(name, limit: large.count) == large)
        #expect(await code { try await store.put(name, large, ifAbsent: true) } == .exists)
    }

    @Test func `an upload in parts that fails is taken away`() async throws {
        let server = HostileS3Server("completeDenied")
        let store = try server.store(inParts)
        let outcome = await code { try await store.put(name, large, ifAbsent: false) }
        #expect(outcome == .permission)
        #expect(
            server.requests.last?.hasPrefix("DELETE /bucket/some/prefix/packs/ab12?uploadId=upload%2F0%2B")
                == true)
        #expect(try await store.byteCount(of: name) == nil)
    }

    @Test func `parts are sized so that there are never more than S3 takes`() throws {
        let store = try HostileS3Server().store(inParts)
        #expect(store.partByteCount(of: 1) == 5 << 20)
        let largest = 5 << 40
        #expect((largest + store.partByteCount(of: largest) - 1) / store.partByteCount(of: largest) <= 10_000)
    }

    @Test
    func `old uploads of the store are aborted by the endpoint's clock, young and foreign ones are not`()
        async throws
    {
        let old = HostileS3Server("oldUploads")
        try await old.store().removeLeftovers()
        #expect(
            old.requests.filter { $0.hasPrefix("DELETE") } == [
                "DELETE /bucket/some/prefix/packs/half?uploadId=one%2B"
            ])
        let young = HostileS3Server("youngUploads")
        try await young.store().removeLeftovers()
        #expect(young.requests.allSatisfy { $0.hasPrefix("GET") })
    }

    // MARK: - Removal

    @Test(arguments: ["none", "refusesBatch", "batchError"])
    func `objects are removed by one request, or one by one where that fails`(mode: String) async throws {
        let server = HostileS3Server(mode, 2)
        let store = try server.store()
        let names = try (0..<4).map { try ObjectName("packs/ab1\($0)") }
        for name in names { try await store.put(name, [1], ifAbsent: false) }
        try await store.remove(names)
        #expect(try await store.isEmpty())
        let single = ["none": 0, "refusesBatch": 4, "batchError": 2][mode]
        #expect(server.requests.count { $0.hasPrefix("DELETE") } == single)
        #expect(server.requests.count { $0.hasPrefix("POST /bucket?delete=") } == 1)
    }

    // MARK: - Probes

    @Test func `F096: a clock that is an hour off fails a probe`() async throws {
        let report = await StoreProbe(try HostileS3Server("late").store(), now: systemTime).run()
        #expect(report[.clock]?.outcome == .fails)
        #expect(report[.clock]?.detail.contains("ahead") == true)
        #expect(!report.isUsable)
    }

    @Test func `a probe of a bucket that lets nobody in ends there`() async throws {
        let report = await StoreProbe(try HostileS3Server("denied").store(), now: systemTime).run()
        #expect(report.findings.map(\.check) == [.access])
        #expect(!report.isUsable)
    }

    @Test func `a probe finds that ranges are passed over`() async throws {
        let report = await StoreProbe(try HostileS3Server("ignoresRange").store(), now: systemTime).run()
        #expect(report[.ranges]?.outcome == .unknown)
        #expect(!report.isUsable)
    }

    @Test func `a probe of a directory asks for what every store promises`() async throws {
        let scratch = TemporaryDirectory("storage")
        let store = try DirectoryStore.create(at: Path(scratch.file("store")))
        let report = await StoreProbe(store, now: systemTime).run()
        #expect(report.isUsable)
        #expect(
            report.findings.map(\.check) == [
                .access, .readAfterWrite, .replace, .listAfterWrite, .ranges, .putOnce, .clock, .remove,
            ])
        #expect(try await store.isEmpty())
    }
}

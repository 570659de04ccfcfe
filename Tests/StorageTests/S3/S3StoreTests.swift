import Encodings
import Glibc
import Support
import Testing

@testable import Storage

/// Over moto: a bucket as it should be.
@Suite(.enabled(if: MotoServer.isExpected, Comment(rawValue: MotoServer.absence)), .moto, .serialized)
struct S3StoreTests {
    @Test func `a bucket in the path keeps what every store promises`() async throws {
        try await exerciseObjectStore(subject(try store("path")))
    }

    @Test func `a bucket in the host's name keeps what every store promises`() async throws {
        try await exerciseObjectStore(subject(try store("host", style: .virtualHost), listsThousands: false))
    }

    @Test func `without conditional puts all but races is as promised`() async throws {
        var settings = S3Settings()
        settings.usesConditionalPuts = false
        var subject = subject(try store("unconditional", settings), listsThousands: false)
        subject.settlesRaces = false
        try await exerciseObjectStore(subject)
    }

    @Test func `uploads in parts keep what every store promises`() async throws {
        try await exerciseObjectStore(subject(try store("parts", inParts), listsThousands: false))
    }

    @Test func `a large object goes in parts and comes back whole`() async throws {
        let store = try store("large", inParts)
        let name = try ObjectName("packs/ab12")
        let bytes = (0..<(11 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 12) }
        try await store.put(name, bytes, ifAbsent: true)
        #expect(try await store.byteCount(of: name) == bytes.count)
        #expect(try await store.get(name, limit: bytes.count) == bytes)
        let seam = 5 << 20
        #expect(
            try await store.get(name, range: (seam - 3)..<(seam + 3)) == Array(bytes[(seam - 3)..<(seam + 3)])
        )
        #expect(await code { try await store.put(name, bytes, ifAbsent: true) } == .exists)
        try await store.put(name, Array(bytes.reversed()), ifAbsent: false)
        #expect(try await store.get(name, range: 0..<3) == Array(bytes.suffix(3).reversed()))
    }

    @Test func `prefixes of one bucket don't see each other, and strange keys are passed over`() async throws
    {
        let (store, other) = (try store("one"), try store("one-more"))
        try await store.put(ObjectName("a"), [1], ifAbsent: true)
        try await other.put(ObjectName("a"), [2], ifAbsent: true)
        for key in ["one/UPPER", "one/a b&<>", "one/\u{E9}/\u{1}", "one/", "one/.hidden", "one/x//y"] {
            var call = S3Call(.put, key)
            call.body = [1]
            _ = try await store.client.send(call, about: key)
        }
        #expect(try await store.list(below: nil).map(\.name.text) == ["a"])
        #expect(try await store.get(ObjectName("a"), limit: 1) == [1])
        #expect(try await other.list(below: nil).map(\.name.text) == ["a"])
    }

    @Test func `what a dead writer left of an upload is cleared away`() async throws {
        let store = try store("leftovers", inParts)
        let name = try ObjectName("packs/ab12")
        let upload = try await store.begin(name, mark: "m")
        // moto says of every upload that it was begun in 2010.
        try await store.removeLeftovers()
        let call = S3Call(.get, store.location.key(name), query: [("uploadId", upload)])
        #expect(await code { _ = try await store.client.send(call, about: "parts") } == .notFound)
    }

    @Test func `objects are locked for as long as the settings say`() async throws {
        var settings = inParts
        settings.multipartThreshold = 1 << 20
        settings.objectLock = try S3ObjectLock(.governance, days: 3)
        let store = try store("x", settings, bucket: "locked")
        for (index, bytes) in [[1], [UInt8](repeating: 2, count: 6 << 20)].enumerated() {
            let name = try ObjectName("packs/ab0\(index)")
            try await store.put(name, bytes, ifAbsent: true)
            #expect(try await store.get(name, limit: bytes.count) == bytes)
            let head = try await store.client.send(S3Call(.head, store.location.key(name)), about: "head")
            // moto keeps the lock of whole puts alone.
            guard index == 0 else { continue }
            #expect(head["x-amz-object-lock-mode"] == "GOVERNANCE")
            let end = try Timestamp(rfc3339: try #require(head["x-amz-object-lock-retain-until-date"]))
            #expect(abs(end.seconds - systemTime().seconds - 3 * 86_400) < 3600)
        }
        let name = try ObjectName("packs/ab00")
        try await store.remove(name)
        #expect(try await store.byteCount(of: name) == nil)
        #expect(await code { _ = try await store.get(name, limit: 9) } == .notFound)
    }

    @Test func `a bucket that locks by default gets the checksum that it asks for`() async throws {
        let store = try store("x", bucket: "retained")
        try await store.put(ObjectName("a"), [1], ifAbsent: true)
        try await store.put(ObjectName("b"), [2], ifAbsent: false)
        #expect(try await store.get(ObjectName("a"), limit: 1) == [1])
        #expect(store.client.sendsChecksums)
    }

    @Test func `a bucket that is not there is told from an object that is not there`() async throws {
        let store = try store("x", bucket: "nobody-made-it")
        #expect(await code { _ = try await store.list(below: nil) } == .bucketMissing)
        #expect(await code { _ = try await store.get(ObjectName("a"), limit: 1) } == .bucketMissing)
        #expect(await code { try await store.put(ObjectName("a"), [1], ifAbsent: false) } == .bucketMissing)
    }

    @Test func `a wrong secret is told as that`() async throws {
        let store = try store("x") { () throws(StorageError) in try TestCredentials.make(secret: "other") }
        #expect(await code { _ = try await store.list(below: nil) } == .credentials)
    }

    @Test func `rate limits change nothing but the time`() async throws {
        var settings = S3Settings()
        (settings.uploadLimit, settings.downloadLimit) = (1 << 20, 1 << 20)
        let store = try store("slow", settings)
        let bytes = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 >> 3) }
        try await store.put(ObjectName("a"), bytes, ifAbsent: true)
        #expect(try await store.get(ObjectName("a"), limit: 200_000) == bytes)
    }

    @Test func `a probe finds that all holds, and leaves nothing`() async throws {
        let store = try store("probe")
        let report = await StoreProbe(store, now: systemTime).run()
        #expect(report.isUsable)
        #expect(report.place == "s3://strongroom/probe")
        #expect(!report.needsUnconditionalPuts)
        for check in ProbeFinding.Check.allCases {
            let outcome: ProbeFinding.Outcome = [.versions, .objectLock].contains(check) ? .absent : .holds
            #expect(report[check]?.outcome == outcome, "\(check): \(report[check]?.detail ?? "no finding")")
        }
        #expect(try await store.list(below: nil).isEmpty)
    }

    @Test func `a probe finds versions and object lock`() async throws {
        let report = await StoreProbe(try store("probe", bucket: "retained"), now: systemTime).run()
        #expect(report[.versions]?.outcome == .holds)
        #expect(report[.objectLock]?.outcome == .holds)
        #expect(report[.objectLock]?.detail.contains("2 days") == true)
        var settings = S3Settings()
        settings.objectLock = try S3ObjectLock(.compliance, days: 1)
        // A probe's own objects are not locked: there they would stay.
        let locked = try store("probe", settings, bucket: "locked")
        #expect(await StoreProbe(locked, now: systemTime).run()[.objectLock]?.outcome == .holds)
        #expect(
            !locked.withoutLock.objectHeaders(mark: "m").contains { $0.name.hasPrefix("x-amz-object-lock") })
        #expect(locked.objectHeaders(mark: "m").contains { $0.name == "x-amz-object-lock-mode" })
        let without = await StoreProbe(try store("probe", settings), now: systemTime).run()
        #expect(without[.objectLock]?.outcome == .fails)
    }

    // MARK: - Stores

    /// Everything goes in parts but what is empty.
    private var inParts: S3Settings {
        var settings = S3Settings()
        (settings.multipartThreshold, settings.partByteCount) = (0, 5 << 20)
        return settings
    }

    private func store(
        _ prefix: String, _ settings: S3Settings = S3Settings(), bucket: String = "strongroom",
        style: S3Location.Style = .path,
        credentials: @escaping @Sendable () throws(StorageError) -> S3Credentials = {
            () throws(StorageError) in try TestCredentials.make()
        }
    ) throws -> S3Store {
        let server = try #require(MotoServer.current, "the suite has a server")
        return try S3Store(
            S3Location("s3://\(bucket)/\(prefix)", endpoint: server.endpoint, style: style),
            settings: settings,
            now: systemTime, credentials: credentials)
    }

    private func subject(_ store: S3Store, listsThousands: Bool = true) -> StoreSubject {
        var subject = StoreSubject.bucket(store)
        subject.listsThousands = listsThousands
        return subject
    }
}

extension StoreSubject {
    /// A store in a bucket.
    static func bucket(_ store: S3Store) -> StoreSubject {
        StoreSubject(
            store: store,
            leaveHalfWritten: { name in
                let upload = try await store.begin(name, mark: "dead")
                var call = S3Call(
                    .put, store.location.key(name), query: [("partNumber", "1"), ("uploadId", upload)])
                call.body = [1, 2]
                _ = try await store.client.send(call, about: "part")
            },
            damage: { name, bytes in
                var call = S3Call(.put, store.location.key(name))
                call.body = bytes[...]
                _ = try await store.client.send(call, about: "damage")
            })
    }
}

/// Over whatever endpoint the environment names: STRONGROOM_TEST_S3_ENDPOINT (`https://HOST`), _BUCKET, _ACCESS_KEY_ID and
/// _SECRET_ACCESS_KEY, and where they are wanted _REGION, _STYLE (`path` or `virtual-host`) and _SESSION_TOKEN. Writes some
/// 20 MB below a random prefix, and removes them.
@Suite struct S3EndpointTests {
    @Test(
        .enabled(
            if: EndpointVariables.value("ENDPOINT") != nil, "STRONGROOM_TEST_S3_ENDPOINT names no endpoint"))
    func `a real endpoint keeps what every store promises, as far as a probe finds`() async throws {
        let names = ["BUCKET", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY"]
        let values = try names.map {
            try #require(EndpointVariables.value($0), "STRONGROOM_TEST_S3_\($0) is set")
        }
        let style = EndpointVariables.value("STYLE").map {
            $0 == "path" ? S3Location.Style.path : .virtualHost
        }
        var settings = S3Settings()
        func store() throws -> S3Store {
            try S3Store(
                S3Location(
                    "s3://\(values[0])/test-\(String(UInt64.random(in: 0 ... .max), radix: 16))",
                    endpoint: EndpointVariables.value("ENDPOINT"), region: EndpointVariables.value("REGION"),
                    style: style),
                settings: settings, now: systemTime
            ) { () throws(StorageError) in
                try TestCredentials.make(
                    values[1], secret: values[2], token: EndpointVariables.value("SESSION_TOKEN") ?? "")
            }
        }
        let report = await StoreProbe(try store(), now: systemTime).run()
        for finding in report.findings { print("\(finding.check) \(finding.outcome): \(finding.detail)") }
        #expect(report.isUsable)
        settings.usesConditionalPuts = !report.needsUnconditionalPuts
        let tested = try store()
        var subject = StoreSubject.bucket(tested)
        subject.settlesRaces = report[.putOnce]?.outcome == .holds
        try await exerciseObjectStore(subject)
        for entry in try await tested.list(below: nil) { try await tested.remove(entry.name) }
    }
}

/// The variables that name an endpoint to test against: `STRONGROOM_TEST_S3_ENDPOINT` and the like.
private enum EndpointVariables {
    static func value(_ name: String) -> String? {
        guard let text = unsafe getenv("STRONGROOM_TEST_S3_\(name)") else { return nil }
        return unsafe String(cString: text)
    }
}

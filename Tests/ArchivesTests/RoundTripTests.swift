import Archives
import Storage
import Testing

@Suite struct `Round trips` {
    static func files(_ seed: UInt64) -> [(String, [UInt8])] {
        var noise = Noise(seed)
        return (0..<60).map { number in
            let count = [0, 1, 40, 300, 511, 512, 5_000, 70_000][Int(noise.next() >> 40) % 8]
            return ("dir\(number / 10)/file\(100 + number)", noise.bytes(count))
        }
    }

    @Test func `what is backed up comes back byte for byte`() async throws {
        let test = try await TestStore()
        let files = Self.files(1)
        let id = try await test.backUp(files).id
        let back = try await TestStore.files(try await test.reader(), id)
        #expect(back.map(\.0) == files.map(\.0))
        #expect(back.map(\.1) == files.map(\.1))
    }

    @Test func `a backup of unchanged data adds no pack and no index (I10)`() async throws {
        let test = try await TestStore()
        let files = Self.files(2)
        let first = try await test.backUp(files)
        #expect(first.statistics.packCount > 3)
        let before = try await test.objects.list(below: nil).map(\.name)
        let second = try await test.backUp(files, time: 2_000_000_000)
        #expect(second.statistics.packCount == 0)
        let added = Set(try await test.objects.list(below: nil).map(\.name)).subtracting(before)
        #expect(added.count == 1 && added.first?.components.first == "snapshots")
        let back = try await TestStore.files(try await test.reader(), second.id)
        #expect(back.map(\.1) == files.map(\.1))
    }
}

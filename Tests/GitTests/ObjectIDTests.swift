import Testing

@testable import Git

@Suite struct ObjectIDTests {
    private let hex = "0123456789abcdef00112233445566778899aabb"

    @Test func `hex and bytes are two forms of one id`() throws {
        let id = try ObjectID(hex: hex)
        #expect(id.hex == hex)
        #expect(id.bytes.count == 20)
        #expect(id.bytes[0] == 0x01)
        #expect(id.bytes[19] == 0xBB)
        #expect(ObjectID(id.bytes) == id)
        #expect(ObjectID(id.structure) == id)
    }

    @Test(arguments: [
        "", "0", "0123456789abcdef00112233445566778899aab", "0123456789ABCDEF00112233445566778899aabb",
    ])
    func `anything but forty lower-case digits is refused`(_ text: String) {
        #expect(code { () throws(GitError) in _ = try ObjectID(hex: text) } == .invalidObjectID)
    }

    @Test func `ids are ordered as their bytes`() throws {
        let low = try ObjectID(hex: String(repeating: "0", count: 39) + "1")
        let high = try ObjectID(hex: "1" + String(repeating: "0", count: 39))
        #expect(low < high)
        #expect(!(high < low))
        #expect(!low.isZero)
    }
}

/// The code of what `body` throws; nil where it returns.
func code(_ body: () throws(GitError) -> Void) -> GitError.Code? {
    do {
        try body()
        return nil
    } catch {
        return error.code
    }
}

import Encodings
import Foundation
import Support
import Testing

/// One file of Wycheproof test vectors.
struct Wycheproof {
    /// One test, with the fields of its group.
    struct Case {
        let fields: [String: Any]
        let group: [String: Any]

        var id: Int { fields["tcId"] as? Int ?? 0 }
        var result: String { fields["result"] as? String ?? "" }
        var flags: [String] { fields["flags"] as? [String] ?? [] }

        func bytes(_ name: String) throws -> [UInt8] {
            try Hex.decode(try #require(fields[name] as? String))
        }
    }

    let cases: [Case]

    init(_ name: String) throws {
        let bytes = try #require(Vectors.bytes("wycheproof/\(name)_test.json"))
        let root = try #require(try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any])
        let groups = try #require(root["testGroups"] as? [[String: Any]])
        cases = groups.flatMap { group in
            (group["tests"] as? [[String: Any]] ?? []).map { Case(fields: $0, group: group) }
        }
        #expect(cases.count == root["numberOfTests"] as? Int)
    }
}

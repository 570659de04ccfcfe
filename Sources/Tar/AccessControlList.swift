internal import CArchive
import Files

/// A POSIX access control list between the kernel's form, an extended attribute, and libarchive's entries.
/// Kernel: linux/posix_acl_xattr.h: version 2, then tag, permissions and id of each entry, little-endian.
enum AccessControlList {
    /// One rule of a list.
    struct Rule: Hashable {
        /// ACL_USER_OBJ and its kin, linux/posix_acl.h.
        let tag: UInt16
        /// Read 4, write 2, execute 1.
        let permissions: UInt16
        /// User or group; `noIdentity` where the tag has none.
        let identity: UInt32

        /// Whether libarchive can write it: identities are signed there.
        var isSpeakable: Bool { identity == noIdentity || identity <= UInt32(Int32.max) }
    }

    static let accessName: Path = "system.posix_acl_access"
    static let defaultName: Path = "system.posix_acl_default"
    static let mask: UInt16 = 0x10
    static let ownerGroup: UInt16 = 0x04
    static let noIdentity = UInt32.max

    private static let tags: [(kernel: UInt16, library: Int32)] = [
        (0x01, Int32(ARCHIVE_ENTRY_ACL_USER_OBJ)), (0x02, Int32(ARCHIVE_ENTRY_ACL_USER)),
        (0x04, Int32(ARCHIVE_ENTRY_ACL_GROUP_OBJ)), (0x08, Int32(ARCHIVE_ENTRY_ACL_GROUP)),
        (0x10, Int32(ARCHIVE_ENTRY_ACL_MASK)), (0x20, Int32(ARCHIVE_ENTRY_ACL_OTHER)),
    ]

    /// The rules in an attribute's value; nil where it is not exactly what the kernel writes.
    static func parse(_ value: [UInt8]) -> [Rule]? {
        guard value.count >= 4, (value.count - 4) % 8 == 0, value.prefix(4) == [2, 0, 0, 0] else {
            return nil
        }
        let rules = stride(from: 4, to: value.count, by: 8).map { start in
            Rule(
                tag: UInt16(littleEndian(value[start..<start + 2])),
                permissions: UInt16(littleEndian(value[start + 2..<start + 4])),
                identity: littleEndian(value[start + 4..<start + 8]))
        }
        for rule in rules {
            let isNamed = rule.tag == 0x02 || rule.tag == 0x08
            guard tags.contains(where: { $0.kernel == rule.tag }), rule.permissions <= 7,
                isNamed || rule.identity == noIdentity
            else { return nil }
        }
        // The three basic rules stand once each, in the kernel's order; else the form below would not bring
        // it back.
        let basic = rules.filter { [0x01, 0x04, 0x20].contains($0.tag) }
        guard basic.map(\.tag) == [0x01, 0x04, 0x20], Set(rules).count == rules.count, rules == sorted(rules)
        else {
            return nil
        }
        return rules
    }

    /// The attribute's value for rules, in the kernel's order: by tag, then by identity.
    static func value(_ rules: [Rule]) -> [UInt8] {
        sorted(rules).reduce(into: [2, 0, 0, 0]) { bytes, rule in
            for (number, count) in [(UInt32(rule.tag), 2), (UInt32(rule.permissions), 2), (rule.identity, 4)]
            {
                for index in 0..<count {
                    bytes.append(UInt8(truncatingIfNeeded: number >> (8 * UInt32(index))))
                }
            }
        }
    }

    private static func littleEndian(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        bytes.reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }

    static func libraryTag(_ tag: UInt16) -> Int32? { tags.first { $0.kernel == tag }?.library }

    static func kernelTag(_ tag: Int32) -> UInt16? { tags.first { $0.library == tag }?.kernel }

    private static func sorted(_ rules: [Rule]) -> [Rule] {
        rules.sorted { ($0.tag, $0.identity) < ($1.tag, $1.identity) }
    }
}

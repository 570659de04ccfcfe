internal import Delivery
internal import Files
internal import Glibc

/// The system's users and groups (getpwnam_r(3), getgrnam_r(3)).
package enum Accounts {
    /// The numbers of `user` and `group`, each a name or a number; nil where neither is given. A user's own group
    /// goes with it where no other is named. Throws `unusableRequest` for an unknown name.
    static func owner(user: String?, group: String?) throws -> FileOwner? {
        guard user != nil || group != nil else { return nil }
        let found = try user.map(look(up:))
        let groupNumber = try group.map(lookUpGroup) ?? found?.group
        return FileOwner(user: found?.user ?? FileOwner.unchanged, group: groupNumber ?? FileOwner.unchanged)
    }

    /// The number of the group `name`, a name or a number. Throws `unusableRequest` for an unknown one.
    package static func group(_ name: String) throws -> UInt32 { try lookUpGroup(name) }

    private static func look(up user: String) throws -> (user: UInt32, group: UInt32) {
        var entry = unsafe passwd()
        var buffer = [CChar](repeating: 0, count: 16_384)
        var result: UnsafeMutablePointer<passwd>?
        let status =
            if let number = UInt32(user) {
                unsafe getpwuid_r(number, &entry, &buffer, buffer.count, &result)
            } else {
                unsafe getpwnam_r(user, &entry, &buffer, buffer.count, &result)
            }
        if status == 0, unsafe result != nil { return unsafe (entry.pw_uid, entry.pw_gid) }
        guard let number = UInt32(user), number != FileOwner.unchanged else {
            throw DeliveryError(.unusableRequest, "owner \(user): no such user")
        }
        return (number, FileOwner.unchanged)
    }

    private static func lookUpGroup(_ name: String) throws -> UInt32 {
        if let number = UInt32(name), number != FileOwner.unchanged { return number }
        var entry = unsafe Glibc.group()
        var buffer = [CChar](repeating: 0, count: 65_536)
        var result: UnsafeMutablePointer<Glibc.group>?
        let status = unsafe getgrnam_r(name, &entry, &buffer, buffer.count, &result)
        guard status == 0, unsafe result != nil else {
            throw DeliveryError(.unusableRequest, "group \(name): no such group")
        }
        return unsafe entry.gr_gid
    }
}

/// The machine's time zone.
enum LocalTime {
    /// The seconds to add to UTC for local time at the local wall clock time `local` (mktime(3)).
    static func offset(_ local: Int64) -> Int64 {
        var parts = unsafe tm()
        var seconds = time_t(local)
        _ = unsafe gmtime_r(&seconds, &parts)
        unsafe parts.tm_isdst = -1
        let utc = unsafe mktime(&parts)
        return local - Int64(utc)
    }
}

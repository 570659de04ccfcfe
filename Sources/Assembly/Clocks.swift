internal import Delivery
package import Encodings
internal import Files
internal import Glibc

/// The machine's wall clock.
package enum WallClock {
    /// The moment now, in UTC (clock_gettime(2)).
    package static var now: Timestamp {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }

    /// Seconds since 1970 now.
    @Sendable package static func seconds() -> Int64 { now.seconds }
}

/// The system's time zones.
package enum Zones {
    private static let directory = "/usr/share/zoneinfo"

    /// The rules of the zone `name`, which the settings checked. Throws `unusableRequest` where the system has none of
    /// this name.
    package static func rules(_ name: String) throws -> ZoneRules {
        guard name != "UTC" else { return .utc }
        let refused = DeliveryError(
            .unusableRequest, "time zone \(name): not to be found in \(directory) (Debian: tzdata)")
        // There are links between the names of one zone.
        guard let resolved = unsafe realpath("\(directory)/\(name)", nil) else { throw refused }
        defer { unsafe free(resolved) }
        let path = Path(unsafe String(cString: resolved))
        do {
            return try ZoneRules(tzif: try Directory(path.parent).read(path.name, limit: 1 << 20))
        } catch {
            throw refused
        }
    }
}

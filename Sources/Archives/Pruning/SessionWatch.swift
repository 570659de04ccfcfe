import Encodings
import Storage

/// The sessions of a store, and which of them are over.
struct SessionWatch: Sendable {
    /// A session that may still be at work.
    struct Alive: Sendable {
        let session: SessionID
        /// Nil where its lease can't be read.
        let lease: Lease?

        /// Whose it is, for people.
        var who: String {
            lease.map { "a session of \($0.holder.host)" }
                ?? "a session whose lease can't be read, which counts for a day from when it was first seen,"
        }
    }

    /// Those that may still be at work, but for the caller's own.
    private(set) var alive: [Alive] = []
    /// The newest time that a lease says.
    private(set) var newestTime: Int64 = .min

    /// The ids of those that may still be at work.
    var ids: [SessionID] { alive.map(\.session) }

    /// Lists the leases. A session is over when its process is known to be gone, or when `state` has seen the same beat for
    /// as long as the lease promises (a day where it can't be read). With `removes`, leases of such are removed.
    ///
    /// Throws `storage`.
    init(
        _ keys: OpenedWrite, own: SessionID?, _ presence: SessionPresence, _ state: inout PrunerState,
        removes: Bool
    ) async throws(ArchiveError) {
        let now = presence.boot().nanoseconds
        var beats: [SessionID: UInt64] = [:]
        var names: [SessionID: [ObjectName]] = [:]
        for entry in try await ObjectPlace.leases.list(in: keys.store.objects) {
            guard let (session, beat) = Lease.parts(of: entry.name), session != own else { continue }
            beats[session] = max(beats[session] ?? 0, beat)
            names[session, default: []].append(entry.name)
        }
        state.sessions = state.sessions.filter { beats[$0.key] != nil }
        for (session, beat) in beats.sorted(by: { $0.key < $1.key }) {
            if state.sessions[session]?.beat != beat {
                state.sessions[session] = PrunerState.Silence(beat: beat, since: now)
            }
            let silence = now - (state.sessions[session]?.since ?? now)
            let lease = try await SessionWatch.lease(try Lease.name(session, beat), keys)
            if let lease { newestTime = max(newestTime, lease.time.nanoseconds) }
            let promise = Int64(lease?.promise ?? 86_400) * 1_000_000_000
            guard silence >= promise || lease.map({ presence.isGone($0.holder) }) ?? false else {
                alive.append(Alive(session: session, lease: lease))
                continue
            }
            guard removes else { continue }
            for name in names[session] ?? [] { try await keys.store.objects.discard(name) }
            state.sessions[session] = nil
        }
    }

    /// The lease under `name`; nil where it is gone by now, or can't be used.
    private static func lease(_ name: ObjectName, _ keys: OpenedWrite) async throws(ArchiveError) -> Lease? {
        do throws(ArchiveError) {
            let bytes = try await keys.store.objects.fetch(name, limit: Lease.byteLimit)
            return try Lease.open(bytes, name, with: keys)
        } catch {
            guard error.code != .storage else { throw error }
            return nil
        }
    }
}

import Encodings
import Sodium
import Storage
import Synchronization

/// A session's own lease: begun before anything is relied on, beaten while the session works, ended behind it.
///
/// The session does nothing more once half of its promise has gone by since its last beat (CASES.md D7): by then others
/// may soon count it as over.
final class SessionLease: Sendable {
    /// The session's random id.
    let session = SessionID(RandomBytes.make(16))
    private let work: Lease.Work
    private let objects: any ObjectStore
    private let signing: SigningContext
    private let presence: SessionPresence
    private let state: Mutex<State>
    // One beat at a time.
    private let turn = TaskSemaphore(1)

    private struct State {
        var beat: UInt64 = 0
        /// When the last beat was begun.
        var beaten = Duration.zero
        var isEnded = false
        var isLeft = false
        var heart: Task<Void, Never>?
    }

    private init(
        _ work: Lease.Work, in objects: any ObjectStore, _ signing: SigningContext,
        _ presence: SessionPresence
    ) {
        self.work = work
        self.objects = objects
        self.signing = signing
        self.presence = presence
        state = Mutex(State())
    }

    deinit { state.withLock { $0.heart?.cancel() } }

    /// Begins a lease: when this returns, every pruner that lists leases from now on sees it. Throws `storage`.
    static func begin(
        _ work: Lease.Work, in objects: any ObjectStore, _ signing: SigningContext,
        _ presence: SessionPresence
    ) async throws(ArchiveError) -> SessionLease {
        let lease = SessionLease(work, in: objects, signing, presence)
        try await lease.beat()
        let interval = Duration.seconds(Int64(max(1, presence.promiseSeconds / 64)))
        let wait = presence.wait
        let heart = Task.detached { [weak lease] in
            while !Task.isCancelled {
                guard (try? await wait(interval)) != nil else { return }
                guard let lease else { return }
                // One that fails is tried again in time; `check` notices where none succeeds.
                try? await lease.beat()
            }
        }
        lease.state.withLock { $0.heart = heart }
        return lease
    }

    /// The time, by the session's clock.
    var now: Timestamp { presence.clock() }

    /// Writes the next beat and removes the one before. Throws `storage`.
    func beat() async throws(ArchiveError) {
        await turn.wait()
        defer { turn.signal() }
        let (number, isEnded) = state.withLock { ($0.beat + 1, $0.isEnded) }
        guard !isEnded, number <= Lease.beatLimit else { return }
        // Before the put: others see the beat later than this.
        let now = presence.boot()
        let lease = Lease(
            work: work, session: session, beat: number, time: presence.clock(),
            promise: presence.promiseSeconds, holder: presence.holder)
        try await objects.store(try Lease.name(session, number), lease.object(in: signing))
        state.withLock { state in
            state.beat = number
            state.beaten = now
        }
        if number > 1 { try? await objects.remove(try Lease.name(session, number - 1)) }
    }

    /// Throws `overtaken` where the last beat lies further back than half the promise.
    func check() throws(ArchiveError) {
        let silence = presence.boot() - state.withLock { $0.beaten }
        guard silence <= .seconds(Int64(presence.promiseSeconds)) / 2, silence >= .zero else {
            throw ArchiveError(
                .overtaken,
                "this session was still for \(silence.components.seconds) s; others may count it as over")
        }
    }

    /// Beats no more, and leaves the lease where it is.
    func leave() {
        state.withLock { state in
            state.isLeft = true
            state.isEnded = true
            state.heart?.cancel()
        }
    }

    /// Removes the lease, but where it was left; what fails leaves an object that is removed when the session counts as over.
    func end() async {
        let isLeft = state.withLock { state in
            state.isEnded = true
            state.heart?.cancel()
            return state.isLeft
        }
        guard !isLeft else { return }
        await turn.wait()
        defer { turn.signal() }
        let last = state.withLock { $0.beat }
        for number in [last, last - (last > 1 ? 1 : 0)] where number > 0 {
            guard let name = try? Lease.name(session, number) else { continue }
            try? await objects.remove(name)
        }
    }
}

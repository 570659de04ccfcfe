import Encodings
import Files
import Glibc
import Sodium

// What Scripts/bench runs to see what parts of the store cost by themselves:
//
//     ArchiveProbe make DIRECTORY COUNT               a store with two snapshots, of COUNT / 10 chunks of some 65 bytes and of
//                                                     COUNT others
//     ArchiveProbe start DIRECTORY                    begins a backup, with the cache of the index in DIRECTORY/cache
//     ArchiveProbe check DIRECTORY                    checks the structure of the whole store
//     ArchiveProbe forget DIRECTORY                   forgets the first snapshot
//     ArchiveProbe prune DIRECTORY                    gives the space back that nothing needs
//     ArchiveProbe chunks DIRECTORY AVERAGE LEVEL FOLDER…
//                                                     puts all files below each folder in turn into one new store, with
//                                                     chunks of AVERAGE KiB and zstd's LEVEL
//
// Each prints what it took: seconds, seconds of all processors, and the most memory that was resident, in MiB. The secrets
// of these stores, which are of no use but here, lie beside them.

@main
struct Measure {
    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count >= 3 else { exit(2) }
        try Sodium.start()
        let directory = Path(arguments[2])
        let index = IndexMeasure(directory: directory)
        let start = seconds()
        switch arguments[1] {
        case "make": try await index.make(count: Int(arguments.last ?? "") ?? 1_000_000)
        case "start": try await index.start()
        case "check": try await index.check()
        case "forget": try await index.forget()
        case "prune": try await index.prune()
        case "chunks":
            guard arguments.count >= 6, let average = UInt64(arguments[3]), let level = Int(arguments[4])
            else {
                exit(2)
            }
            let measure = ChunkMeasure(directory: directory, average: average << 10, level: level)
            try await measure.run(arguments[5...].map { Path($0) })
        default: exit(2)
        }
        print("\(arguments[1]): \(cost(since: start))")
    }

    /// What was taken since `start`.
    static func cost(since start: Double) -> String {
        var usage = rusage()
        _ = unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        let processors =
            Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
            + Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6
        return "\(seconds() - start) s, \(processors) s, \(usage.ru_maxrss / 1024) MiB"
    }

    /// The time of a clock that only goes forward.
    static func seconds() -> Double { seconds(of: CLOCK_MONOTONIC) }

    /// The time of a clock.
    static func seconds(of clock: clockid_t) -> Double {
        var time = timespec()
        _ = unsafe clock_gettime(clock, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}

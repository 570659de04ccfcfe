import Backups
import Files
import Support
import Testing

@testable import Assembly

/// Which directories are exchanged as wholes, and which never are.
@Suite struct `Exchange check` {
    private let scratch = TemporaryDirectory("exchange")

    private func code(_ places: [String], apartFrom others: [String] = []) -> BackupError.Code? {
        do throws(BackupError) {
            try ExchangeCheck.run(places.map { Path($0) }, apartFrom: others)
            return nil
        } catch {
            return error.code
        }
    }

    @Test func `places beside each other are exchanged, nested ones in any order and spelling are not`() {
        let base = scratch.path
        #expect(ShellCommand.run("sh", ["-ec", "cd '\(base)'; mkdir -p a/b ab; ln -s a link"]).status == 0)
        #expect(code(["\(base)/a", "\(base)/ab"]) == nil)
        for other in ["a/b", "a", "link/b", "./a/x/y"] {
            #expect(code(["\(base)/a", "\(base)/\(other)"]) == .occupied)
            #expect(code(["\(base)/\(other)", "\(base)/a"]) == .occupied)
        }
    }

    @Test func `what the restore itself needs is never carried away`() {
        let base = scratch.path
        #expect(ShellCommand.run("mkdir", ["-p", "\(base)/srv/store", "\(base)/other"]).status == 0)
        let store = "\(base)/srv/store"
        for place in ["srv", "srv/store", "srv/store/packs"] {
            #expect(code(["\(base)/\(place)"], apartFrom: [store]) == .occupied)
        }
        #expect(code(["\(base)/other"], apartFrom: [store]) == nil)
    }

    @Test func `a directory with a mounted file system there or beneath it is not exchanged`() {
        // Every Linux has its terminals there.
        #expect(code(["/dev"]) == .occupied)
        // Nor one that is such a file system.
        #expect(code(["/proc"]) == .occupied)
    }
}

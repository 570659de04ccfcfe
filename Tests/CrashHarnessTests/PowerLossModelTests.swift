import Support
import Testing

@Suite struct PowerLossModelTests {
    private let scratch = TemporaryDirectory("strongroom-power")

    /// What is there after Python ran `steps` and the power went: the names, each with its content.
    private func left(_ steps: String, _ kept: PowerLoss.Kept) -> [String] {
        let place = scratch.file("place")
        let copy = scratch.file("copy")
        for path in [place, copy] {
            TemporaryDirectory.removeTree(path)
            _ = ShellCommand.run("sh", ["-c", "mkdir \(path) && printf old > \(path)/old"])
        }
        let program = """
            import os
            def write(name, text, forced):
                fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
                os.write(fd, text)
                if forced: os.fsync(fd)
                os.close(fd)
            def force(): os.fsync(os.open(".", os.O_RDONLY))
            \(steps)
            """
        let outcome = CrashPoints("python3", ["-B", "-c", program], directory: place).run(.none)
        #expect(outcome.status == 0, "\(String(decoding: outcome.stderr, as: UTF8.self))")
        PowerLoss(outcome.changes, below: [place]).strike(keeping: kept) { copy + $0.dropFirst(place.count) }
        let show = "for f in $(ls -A); do echo $f=$(cat $f); done"
        return ShellCommand.run("sh", ["-c", show], directory: place).text.split(separator: "\n").map(
            String.init)
    }

    @Test func `what was forced to the disk with its name stays`() {
        let steps = "write('t', b'new', True); os.rename('t', 'n'); force(); os.unlink('old'); force()"
        for kept in PowerLoss.Kept.allCases { #expect(left(steps, kept) == ["n=new"]) }
    }

    @Test func `a name that was not forced goes, and what was removed or replaced is back`() {
        #expect(left("write('t', b'new', True); os.rename('t', 'n')", .nothing) == ["old=old"])
        #expect(
            left("write('t', b'new', True); force(); os.rename('t', 'n')", .nothing) == ["old=old", "t=new"])
        #expect(left("write('t', b'new', True); os.rename('t', 'old')", .nothing) == ["old=old"])
        #expect(left("os.unlink('old')", .nothing) == ["old=old"])
        #expect(left("write('t', b'new', True); os.rename('t', 'n')", .names) == ["n=new", "old=old"])
    }

    @Test func `bytes that were not forced go though their name stays`() {
        #expect(left("write('t', b'new', False); os.rename('t', 'n'); force()", .names) == ["n=", "old=old"])
        #expect(
            left("write('t', b'new', False); os.rename('t', 'n'); force()", .nothing) == ["n=", "old=old"])
    }
}

import Support
import Testing

/// The power goes at places spread over a backup: what was not forced to the disk by then is lost in one way or another.
@Suite struct PowerLossTests {
    /// What the program keeps in files of its own, put there whole: the store, pins and what captures remember.
    private func roots(_ scene: BackupScene) -> [String] {
        ["store", "home", "host/state/pins", "host/state/captures"].map { scene.world.path($0) }
    }

    @Test(arguments: PowerLoss.Kept.allCases)
    func `F089: a power cut amid a backup harms no snapshot, and the next backup succeeds`(
        kept: PowerLoss.Kept
    ) throws {
        let scene = try BackupScene()
        let clean = scene.points.run(.none).changes
        // Elsewhere everything is forced to the disk, and a cut is no more than a kill.
        let open = clean.indices.filter { PowerLoss(Array(clean[...$0]), below: roots(scene)).lostCount > 0 }
        for place in CrashPoints.spread(15, over: open.count) {
            let (outcome, loss) = try cut(scene, near: open[place - 1] + 1)
            loss.strike(keeping: kept, copy: scene.copy)
            let call = "\(kept) after \(outcome.calls.last ?? "")"
            try scene.expectSound(call)
            for snapshot in scene.listed() where snapshot.id != scene.first {
                #expect(snapshot.status == "complete", "\(call)")
                try scene.expectRestores(snapshot.id, scene.now, "second of \(call)")
            }
            try scene.expectNextSucceeds(call)
        }
    }

    /// A backup that ends at the change of that number or the nearest at which something is not forced to the disk: several
    /// threads write, and their changes come in another order in each run.
    private func cut(_ scene: BackupScene, near number: Int) throws -> (CrashPoints.Outcome, PowerLoss) {
        for distance in 0..<20 {
            for number in Set([number - distance, number + distance]) where number > 0 {
                scene.restore()
                let outcome = scene.points.run(.killAfter(number))
                let loss = PowerLoss(outcome.changes, below: roots(scene))
                if loss.lostCount > 0 { return (outcome, loss) }
            }
        }
        throw NothingLost(number: number)
    }

    /// All is forced to the disk near that change.
    private struct NothingLost: Error { let number: Int }

    @Test(arguments: PowerLoss.Kept.allCases)
    func `F089: a snapshot that was acknowledged outlives a power cut at once after`(kept: PowerLoss.Kept)
        throws
    {
        let scene = try BackupScene()
        let outcome = scene.points.run(.none)
        #expect(outcome.status == 0)
        let loss = PowerLoss(outcome.changes, below: roots(scene))
        loss.strike(keeping: kept, copy: scene.copy)
        try scene.expectSound("acknowledged, \(kept)")
        let id = String(decoding: outcome.stdout, as: UTF8.self).split(separator: "\n").first.map(String.init)
        #expect(scene.listed().map(\.id) == [scene.first, id ?? ""])
        try scene.expectRestores(id ?? "", scene.now, "acknowledged, \(kept)")
        try scene.expectNextSucceeds("acknowledged, \(kept)")
    }
}

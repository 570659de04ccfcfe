import Archives
import Backups
import Files
import Support
import Testing

/// F101: a restore that was cut off is gone on with, and nothing of what it left is trusted.
@Suite struct ResumeTests {
    /// A store whose newest snapshot needs chunks of its first packs, but none of their lists, and what a run has left in
    /// staging. Where chunks are cut, and so which lists both snapshots share, differs from store to store.
    private func scene() async throws -> BackupFixture {
        while true {
            let fixture = try await store()
            fixture.sh("mkdir sound; xargs cp -t sound < packs; mv .back.restoring left")
            damage(fixture)
            let reasons = try await fixture.restore(into: "back").sources.flatMap(\.issues).map(\.reason)
            fixture.sh(
                """
                while read -r pack; do cat "sound/$(basename "$pack")" > "$pack"; done < packs
                rm -rf sound back .back.restoring; mv left .back.restoring
                """)
            if !reasons.contains(where: { $0.contains("node ") }) { return fixture }
        }
    }

    private func store() async throws -> BackupFixture {
        let fixture = try await BackupFixture()
        fixture.sh(
            """
            mkdir live; head -c 4300000 /dev/urandom > live/long; head -c 4300000 /dev/urandom > live/other
            head -c 100000 /dev/urandom > live/short
            """)
        let source = BackupSource.directory(name: "live", path: fixture.path("live"))
        try await fixture.backUp([source])
        fixture.sh(
            """
            find store/packs -type f > packs
            # So that lists are written anew and most chunks are not.
            for file in long other short; do for n in $(seq 0 12); do
              printf new | dd of=live/$file bs=1 seek=$((n * 340000 % $(stat -c %s live/$file))) conv=notrunc status=none
            done; done
            printf small > live/small
            """)
        try await fixture.backUp([source])
        try await fixture.restore(into: "first")
        fixture.sh(
            "xargs chmod u+w < packs; mkdir .back.restoring; mv first .back.restoring/content; : > .back.restoring/strongroom-restore"
        )
        return fixture
    }

    /// Zeros in the place of what the first backup stored.
    private func damage(_ fixture: BackupFixture) {
        fixture.sh(
            """
            while read -r pack; do size=$(stat -c %s "$pack"); : > "$pack"; truncate -s "$size" "$pack"; done < packs
            """)
    }

    @Test func `F101: what a restore that was cut off has brought is not read again`() async throws {
        let fixture = try await scene()
        damage(fixture)
        let report = try await fixture.restore(into: "back")
        #expect(!report.isDamaged)
        fixture.sh("diff -r live back/directories/live")
        #expect(fixture.names() == ["back", "live", "packs"])
    }

    @Test func `F101: what is wrong in it is read from the store instead`() async throws {
        let fixture = try await scene()
        fixture.sh(
            """
            cd .back.restoring/content/directories/live; chmod u+w *
            printf wrong | dd of=long bs=1 seek=2000000 conv=notrunc status=none
            truncate -s 100 other; rm short; ln -s /etc/passwd short; printf SMALL > small; mkdir extra
            """)
        let report = try await fixture.restore(into: "back")
        #expect(!report.isDamaged)
        fixture.sh("diff -r live back/directories/live")
    }

    @Test func `F101: wrong bytes are never taken for right ones, even where there are no others`()
        async throws
    {
        let fixture = try await scene()
        damage(fixture)
        fixture.sh(
            """
            cd .back.restoring/content/directories/live; chmod u+w *
            # Between two places that changed: at least one chunk there is as it was, and only in what is damaged.
            head -c 330000 /dev/zero | dd of=long bs=5000 seek=341 conv=notrunc status=none
            """)
        let report = try await fixture.restore(into: "back")
        #expect(report.isDamaged)
        let damaged = report.sources.flatMap(\.issues).filter { $0.kind == .damaged }
        #expect(damaged.map { String(decoding: $0.path, as: UTF8.self) } == ["long"])
        fixture.sh("rm live/long; diff -r live back/directories/live")
    }

    @Test func `what several runs have left counts together`() async throws {
        let fixture = try await scene()
        fixture.sh(
            """
            cd .back.restoring; mkdir -p earlier-1/directories; mv content/directories/live earlier-1/directories/live
            mkdir content/directories/live; mv earlier-1/directories/live/other content/directories/live
            """)
        damage(fixture)
        let report = try await fixture.restore(into: "back")
        #expect(!report.isDamaged)
        fixture.sh("diff -r live back/directories/live")
    }
}

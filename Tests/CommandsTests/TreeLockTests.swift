import Glibc
import Support
import Testing

/// Commands that change keyrings or reseal, two at once, and among files that are hard to name or to read.
@Suite struct TreeLockTests {
    private func shell(_ world: World, _ script: String) -> ShellCommand.Outcome {
        ShellCommand.run(
            "bash", ["-c", script],
            environment: [
                "PATH": "\(CrashPoints.products):/usr/bin:/bin", "HOME": world.path("home"),
                "STRONGROOM_IDENTITY": world.path("alice.identity"), "KEY": world.path("alice"),
            ], directory: world.path("config"))
    }

    private static let addBob = """
        strongroom keys new --output ../bob.identity > ../bob.recipient 2> ../log
        strongroom keys add --environment prod bob=$(cat ../bob.recipient) --signing-key $KEY
        git add -A; git -c user.name=a -c user.email=a@b commit -qm bob

        """

    @Test(arguments: ["keys remove bob", "keys rotate", "reseal --all"])
    func `two changes of keyrings at once leave every file to be opened`(_ other: String) {
        let option = other.hasPrefix("keys") ? "--environment prod --signing-key $KEY" : ""
        for _ in 0..<4 {
            let world = World()
            let outcome = shell(
                world,
                Self.addBob + """
                    strongroom keys remove bob --environment prod --signing-key $KEY > ../one 2>&1 & first=$!
                    strongroom \(other) \(option) > ../two 2>&1 & second=$!
                    echo two | strongroom set deploy/prod/database.yaml stringData.username > ../three 2>&1 & third=$!
                    for process in $first $second $third; do
                        wait $process; status=$?
                        case $status in 0|8) ;; *) echo "exit $status"; cat ../one ../two ../three; exit 1;; esac
                    done
                    for file in $(git ls-files deploy/prod); do strongroom open $file > ../opened || exit 1; done
                    """)
            #expect(outcome.status == 0, "\(outcome.text)\(outcome.errorText)")
        }
    }

    @Test func `a second change is refused in words while one is under way, and a killed one leaves no lock`()
    {
        let world = World()
        // flock(1) stands for the other process.
        let outcome = shell(
            world,
            """
            flock . sleep 100000 & holder=$!
            until ! flock -n . true; do sleep 0.02; done
            for verb in "keys rotate --environment prod --signing-key $KEY" reseal "rebind deploy/prod/database.yaml" \
                "seal deploy/prod/database.yaml" "unset deploy/prod/database.yaml stringData.last"; do
                strongroom $verb 2> ../words; test $? = 8 || { echo "$verb"; cat ../words; exit 1; }
                grep -q 'another strongroom changes keyrings or sealed files here' ../words || exit 1
            done
            strongroom reseal --dry-run || exit 1
            pkill -KILL -P $holder; kill -KILL $holder; wait $holder
            strongroom keys rotate --environment prod --signing-key $KEY && git status --short
            """)
        expect(outcome, 0)
        #expect(!outcome.text.contains("lock"), "\(outcome.text)")
    }

    @Test func `files of any name are resealed to the new epoch, and others of any name are passed by`() {
        let world = World()
        let outcome = shell(
            world,
            Self.addBob + """
                printf 'A=1\\n' > $'deploy/prod/a\\tb\\nc.conf.env'; printf 'A=2\\n' > $'deploy/prod/caf\\xe9.conf.env'
                printf '  - { paths: ["deploy/prod/*.env"], environment: prod, scope: file }\\n' >> .strongroom.yaml
                find deploy -name '*.conf.env' -print0 | strongroom seal --paths-from - || exit 1
                mkdir build; printf x > $'build/caf\\xe9'; echo build > .gitignore
                strongroom keys remove bob --environment prod --signing-key $KEY || exit 1
                cat deploy/prod/*.conf.env
                ! grep -l prod-1 deploy/prod/*.env || exit 1
                strongroom open $'deploy/prod/a\\tb\\nc.conf.env'
                """)
        expect(outcome, 0)
        #expect(outcome.text.hasSuffix("A=1"), "\(outcome.text)")
    }

    @Test func `what can't be read is named, and everything else resealed`() {
        let world = World()
        let isRoot = getuid() == 0
        let outcome = shell(
            world,
            Self.addBob + """
                mkdir -p closed deploy/prod/shut; chmod 0 closed deploy/prod/shut
                cp deploy/prod/database.yaml deploy/prod/dark.yaml; chmod 0 deploy/prod/dark.yaml
                user() { "$@"; }
                if \(isRoot); then
                    cp "$(command -v strongroom)" ../program; chmod 755 ..; chown -R 65534:65534 ..
                    user() { shift; setpriv --reuid 65534 --regid 65534 --clear-groups ../program "$@"; }
                fi
                user strongroom keys remove bob --environment prod --signing-key $KEY > ../one 2> ../words; one=$?
                user strongroom reseal 2> ../again; two=$?
                chmod 755 closed deploy/prod/shut; chmod 644 deploy/prod/dark.yaml
                cat ../words ../again; echo "exit $one $two"
                ! grep -q prod-1 deploy/prod/database.yaml
                """)
        expect(outcome, 0)
        for place in ["closed", "deploy/prod/shut", "deploy/prod/dark.yaml"] {
            #expect(
                outcome.text.split(separator: "\n").contains {
                    $0.hasPrefix("strongroom: not resealed: ") && $0.contains(place)
                }, "\(outcome.text)")
        }
        #expect(outcome.text.contains("exit 10 10"), "\(outcome.text)")
    }
}

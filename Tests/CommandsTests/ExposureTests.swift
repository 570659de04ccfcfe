import Support
import Testing

/// What `keys remove` lists: earlier memberships, other environments, stashes, the index; and what it says where it
/// can't know all.
@Suite struct ExposureTests {
    private func shell(_ world: World, _ script: String) -> ShellCommand.Outcome {
        let prelude = """
            keys() { verb=$1; shift; strongroom keys $verb --signing-key "$KEY" "$@"; }
            prod() { verb=$1; shift; keys $verb --environment prod "$@"; }
            commit() { git add -A; git commit -qm "$1"; }
            new() { strongroom keys new --output ../$1.identity 2> ../log; }
            put() {
                printf 'apiVersion: v1\\nkind: Secret\\nmetadata: { name: s, namespace: shop }\\nstringData:\\n  v: x\\n' \
                    > deploy/prod/$1.yaml
                strongroom seal deploy/prod/$1.yaml 2> ../log || cat ../log
            }
            bob=$(new bob)

            """
        return ShellCommand.run(
            "bash", ["-c", prelude + script],
            environment: [
                "PATH": "\(CrashPoints.products):/usr/bin:/bin", "HOME": world.path("home"),
                "STRONGROOM_IDENTITY": world.path("alice.identity"), "KEY": world.path("alice"),
                "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@x", "GIT_COMMITTER_NAME": "a",
                "GIT_COMMITTER_EMAIL": "a@x",
            ], directory: world.path("config"))
    }

    @Test func `who was a member twice could read the epochs of both times`() {
        let world = World()
        let outcome = shell(
            world,
            """
            prod add bob=$bob --epochs all; commit bob; put first; commit first
            prod remove bob > ../one; commit gone
            prod rotate > ../log; commit rotate
            prod add bob=$bob; commit again; put second; commit second
            prod remove bob --dry-run
            prod remove bob > ../two; commit gone
            prod remove bob --dry-run
            """)
        expect(outcome, 0)
        let lines = outcome.text.split(separator: "\n")
        #expect(lines.contains("bob: could read epochs 1, 3 of prod"), "\(outcome.text)")
        #expect(lines.contains("bob (removed before): could read epochs 1, 3 of prod"))
        #expect(lines.filter { $0.hasPrefix("deploy/prod/first.yaml") && $0.contains("prod-1") }.count == 2)
        #expect(lines.filter { $0.hasPrefix("deploy/prod/second.yaml") && $0.contains("prod-3") }.count == 2)
    }

    @Test func `what an environment opened counts for its members, also after it is no member any more`() {
        let world = World()
        let outcome = shell(
            world,
            """
            strongroom init --environment ops > ../log; git checkout -q .strongroom.yaml
            keys add --environment ops bob=$bob; commit ops
            prod add --member-environment ops --epochs all; commit member
            keys remove --environment ops bob --dry-run
            prod remove ops > ../log; commit parted
            keys remove --environment ops bob --dry-run
            """)
        expect(outcome, 0)
        let lines = outcome.text.split(separator: "\n")
        #expect(
            lines.filter { $0 == "bob: could read epochs 1 of ops; epochs 1 of prod" }.count == 2,
            "\(outcome.text)\(outcome.errorText)")
        #expect(lines.filter { $0.hasPrefix("deploy/prod/database.yaml: stringData.password") }.count == 2)
    }

    @Test func `older stashes and what is only staged are listed`() {
        let world = World()
        let outcome = shell(
            world,
            """
            prod add bob=$bob --epochs all; commit bob
            put older; git add -A; git stash -q; put newer; git add -A; git stash -q
            put staged; git add -A; rm deploy/prod/staged.yaml
            prod remove bob --dry-run
            """)
        expect(outcome, 0)
        for name in ["older", "newer", "staged"] {
            let line = outcome.text.split(separator: "\n").first {
                $0.hasPrefix("deploy/prod/\(name).yaml: stringData.v ")
            }
            #expect(line?.hasSuffix("not committed") == (name == "staged"), "\(outcome.text)")
        }
    }

    @Test(arguments: ["sha256", "partial", "damaged"])
    func `a list that can't be whole is said to be incomplete, and nothing more`(_ kind: String) {
        let world = World()
        let outcome = shell(
            world,
            """
            prod add bob=$bob --epochs all; commit bob
            put older; commit older; object=$(git rev-parse HEAD:deploy/prod/older.yaml); git rm -q deploy/prod/older.yaml; put newer; commit newer
            case \(kind) in
            sha256) rm -rf .git; git init -q --object-format=sha256; commit all ;;
            partial) git config uploadpack.allowFilter true
                git clone -q --filter=blob:none "file://$PWD" ../partial 2> ../log; cd ../partial ;;
            damaged) rm -f .git/objects/${object:0:2}/${object:2} ;;
            esac
            for option in --dry-run ""; do
                prod remove bob $option > ../list 2> ../words; echo "exit $?"
                grep -q 'the list is incomplete' ../words && ! grep -q 'nothing was found' ../words || cat ../words
                grep -q newer.yaml ../list || cat ../list
            done
            grep -L prod-1 deploy/prod/database.yaml
            """)
        #expect(outcome.text == "exit 10\nexit 10\ndeploy/prod/database.yaml", "\(outcome.text)")
    }

    @Test
    func `where one signature is not enough, a dry run says so, and the list is told while others sign`() {
        let world = World()
        let outcome = shell(
            world,
            """
            prod add bob=$bob --epochs all; commit bob
            prod add --admin ../mallory.pub --threshold 2; commit two
            prod remove bob --dry-run > ../dry 2> ../words; echo "exit $?"
            grep -c 'Keys/prod.proposal.yaml: only a proposal would be written: 1 more of 2 admins' ../words
            grep -c 'would reseal' ../words; test ! -e Keys/prod.proposal.yaml || exit 1
            prod remove bob > ../first; echo "exit $?"
            prod remove bob > ../second 2> ../words; echo "exit $?"
            grep -c 'a proposal waits for signatures' ../words
            cmp ../first ../second && cmp ../first ../dry
            echo garbage > Keys/prod.proposal.yaml
            prod remove bob > ../second 2> ../words; echo "exit $?"
            grep -c 'hint: remove the file' ../words; cmp ../first ../second
            """)
        #expect(
            outcome.text == "exit 0\n1\n0\nexit 0\nexit 8\n1\nexit 3\n1",
            "\(outcome.text)\(outcome.errorText)")
    }
}

import Support
import Testing

/// Man pages and completions come out of the binary: every verb and option has its place in them.
@Suite struct ManualTests {
    private static let scripts: String = {
        let here = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        return "/\(here)/Scripts"
    }()

    @Test func `every verb has its page, with every option, twice the same`() {
        let scratch = TemporaryDirectory("manuals")
        for name in ["one", "two"] {
            let made = ShellCommand.run(Self.scripts + "/manuals", [scratch.file(name), World.program])
            #expect(made.status == 0, "\(made.errorText)")
        }
        let same = ShellCommand.run("diff", ["-r", scratch.file("one"), scratch.file("two")])
        #expect(same.status == 0, "\(same.text)")
        let script = """
            import json, pathlib, sys
            share = pathlib.Path(sys.argv[1])
            def check(command, path):
                page = (share / "man/man1" / ("-".join(path) + ".1")).read_text().replace("\\\\-", "-")
                assert command["abstract"].rstrip(".") in page.replace("\\\\(aq", "'").replace("\\\\e", "\\\\"), path
                for argument in command.get("arguments", []):
                    for name in argument.get("names", []):
                        assert name["name"] in page, (path, name)
                subs = [s for s in command.get("subcommands", []) if s["commandName"] != "help" and s.get("shouldDisplay", True)]
                return 1 + sum(check(s, path + [s["commandName"]]) for s in subs)
            count = check(json.load(sys.stdin)["command"], ["strongroom"])
            assert count == len(list((share / "man/man1").iterdir())), count
            page = (share / "man/man1/strongroom.1").read_text()
            assert "11  limit exceeded" in page and "STRONGROOM_TRUST" in page
            print(count > 30)
            """
        let dump = ShellCommand.run(World.program, ["--experimental-dump-help"])
        let read = ShellCommand.run("python3", ["-c", script, scratch.file("one")], stdin: dump.stdout)
        #expect(read.text == "True", "\(read.errorText)")
    }

    @Test func `bash completes verbs, options and files`() {
        let scratch = TemporaryDirectory("completion")
        let script = """
            cd "$2"; touch here.env; source <("$1" --generate-completion-script bash)
            complete_words() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
              COMPREPLY=(); _strongroom "$1" "${@: -1}" "${@: -2:1}"; echo "${COMPREPLY[*]}"; }
            complete_words strongroom gener
            complete_words strongroom generate --ssh
            complete_words strongroom keys rot
            complete_words strongroom open her
            """
        let outcome = ShellCommand.run("bash", ["-c", script, "bash", World.program, scratch.path])
        #expect(
            outcome.text.split(separator: "\n").map(String.init) == [
                "generate", "--ssh-ed25519", "rotate", "here.env",
            ],
            "\(outcome.text) \(outcome.errorText)")
        for shell in ["zsh", "fish"] {
            let made = ShellCommand.run(World.program, ["--generate-completion-script", shell])
            #expect(made.status == 0 && made.text.contains("ssh-ed25519"))
        }
    }
}

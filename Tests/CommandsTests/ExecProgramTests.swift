import Glibc
import Support
import Testing

/// `exec`: names with a prefix, signals handed on, the exit code passed through.
@Suite struct ExecProgramTests {
    private func world() -> World {
        let world = World()
        world.edit(
            "config/.strongroom.yaml", "rules:\n",
            "rules:\n  - { paths: [\"deploy/prod/*.env\"], environment: prod }\n")
        world.config.write("deploy/prod/app.env", "db_password=hunter2\n")
        world.must("seal", "deploy/prod/app.env")
        return world
    }

    private func exec(_ world: World, _ options: [String], _ script: String) -> ShellCommand.Outcome {
        world.run(
            ["exec", "--file", "deploy/prod/app.env"] + options + ["--", "sh", "-c", script],
            identity: "alice")
    }

    @Test func `a prefix stands before the name of each variable`() {
        let world = world()
        let printed = exec(world, ["--prefix", "TF_VAR_"], "echo \"$TF_VAR_db_password|$db_password\"")
        #expect(printed.text == "hunter2|", "\(printed.errorText)")
        expect(exec(world, ["--prefix", "A-"], "true"), 2, "A-db_password: no name")
        expect(exec(world, ["--prefix", "9"], "true"), 2, "no name")
        expect(exec(world, ["--prefix", "X_", "--files"], "true"), 2, "--prefix")
    }

    @Test func `values reach the one child alone`() {
        let world = world()
        // Neither the arguments of a process nor those of its parent hold them.
        let printed = exec(
            world, [], "tr '\\0' '\\n' < /proc/$$/cmdline; tr '\\0' '\\n' < /proc/$PPID/environ")
        #expect(printed.status == 0 && !printed.text.contains("hunter2"))
    }

    @Test(arguments: [("TERM", SIGTERM), ("INT", SIGINT), ("HUP", SIGHUP)])
    func `a signal reaches the program, which decides, and its files are gone`(
        _ name: String, _ number: Int32
    ) {
        let world = world()
        let script =
            "trap 'echo caught; exit 9' \(name); echo $STRONGROOM_FILES; kill -\(name) $PPID; sleep 30 & wait"
        let decided = exec(world, ["--files"], script)
        let lines = decided.text.split(separator: "\n").map(String.init)
        #expect(decided.status == 9 && lines.last == "caught", "\(decided.errorText)")
        #expect(unsafe access(lines[0], F_OK) != 0)
        let ended = exec(world, ["--files"], "echo $STRONGROOM_FILES; kill -\(name) $$")
        #expect(ended.status == 128 + number)
        #expect(unsafe access(ended.text, F_OK) != 0)
    }
}

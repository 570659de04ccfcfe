import Glibc
import Support
import Testing

/// Files that say whom to trust, and what was seen: whoever may write to them decides, so nobody else may.
@Suite struct TrustedFileTests {
    private let world = World()

    private func mode(_ mode: mode_t, _ name: String) {
        let path = world.path(name)
        #expect(unsafe chmod(path, mode) == 0)
    }

    @Test func `signers that every user can write to approve nothing`() throws {
        expect(world.sync(), 0)
        let before = try world.delivered()
        mode(0o666, "allowed_signers")
        world.config.write("deploy/prod/app.yaml", "listen: 9090\n")
        world.config.commit("Second")
        expect(world.sync(), 5, "can write to it")
        #expect(try world.delivered() == before)
        mode(0o644, "allowed_signers")
        expect(world.sync(), 0)
    }

    @Test(arguments: ["host/state", "host/state/audit"])
    func `a state directory that others can write to is not believed`(name: String) {
        expect(world.sync(), 0)
        mode(0o777, name)
        expect(world.sync(), 2, "chmod go-w")
        expect(world.run("suspend", "prod", "--config", world.settings), 2, "chmod go-w")
        mode(0o700, name)
        expect(world.sync(), 0)
    }

    @Test func `a path that is not in the commit is told as one`() {
        world.edit("host/strongroom.yaml", "path: deploy/prod", "path: deploy/prodd")
        expect(world.sync(), 5, "nothing to deliver below deploy/prodd", "check the path")
    }
}

import Git
import Support
import Testing

@testable import Delivery

/// Objects of every hostile kind, put to git and to the verifier here (CASES.md F049-F055, INTEROP.md 4.2).
@Suite struct DifferentialTests {
    @Test(.enabled(if: SigningFixture.hasGnuPG, "\(SigningFixture.absence)"))
    func `what is taken here is taken by git, and where git takes more is known`() throws {
        let fixture = SigningFixture.shared
        let verifier = try fixture.verifier()
        let objects = try HostileObjects(fixture).all
        #expect(objects.count >= 120)
        #expect(Set(objects.map { "\($0.type) \($0.name)" }).count == objects.count)
        for object in objects {
            let name = fixture.repository.object(object.type, object.raw)
            let isTaken: Bool
            do throws(DeliveryError) {
                if object.type == "commit" {
                    _ = try verifier.verify(commit: id(of: name), object.raw)
                } else {
                    _ = try verifier.verify(
                        tag: id(of: name), object.raw, called: Array("v1".utf8),
                        naming: id(of: fixture.parent))
                }
                isTaken = true
            } catch {
                #expect(error.category == .refused, "\(object.type) \(object.name): \(error)")
                isTaken = false
            }
            let verdict: HostileObject.Verdict =
                switch (isTaken, fixture.gitVerifies(object.type, name)) {
                case (true, true): .taken
                case (false, true): .stricter
                default: .refused
                }
            #expect(
                !isTaken || verdict == .taken, "taken here, refused by git: \(object.type) \(object.name)")
            #expect(verdict == object.verdict, "\(object.type) \(object.name)")
        }
    }
}

// swift-tools-version: 6.2
// The floors of Strongroom. A target may import targets of lower floors, and of its own floor only
// where it is listed here. `STRONGROOM_FLOOR=n` leaves out all targets above floor n, which is how
// Scripts/check shows that each floor builds and passes its tests without the floors above it.
import PackageDescription

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

func product(_ name: String, _ package: String) -> Target.Dependency {
    .product(name: name, package: package)
}

/// A module of Sources with its tests in Tests/<name>Tests, where `tests` is not nil.
func module(
    _ name: String, _ dependencies: [Target.Dependency], exclude: [String] = [],
    tests: [Target.Dependency]? = []
) -> [Target] {
    let library = Target.target(
        name: name, dependencies: dependencies, exclude: exclude, swiftSettings: settings)
    guard let tests else { return [library] }
    return [
        library,
        .testTarget(
            name: "\(name)Tests", dependencies: [.byName(name: name), "Support"] + dependencies + tests,
            swiftSettings: settings),
    ]
}

func system(_ name: String, _ pkgConfig: String, _ package: String) -> Target {
    .systemLibrary(name: name, pkgConfig: pkgConfig, providers: [.apt([package])])
}

let libraries: [Target] = [
    system("CSodium", "libsodium", "libsodium-dev"),
    // Not linked: CLate loads them when OpenSSL, Git, Storage and Tar need them.
    .systemLibrary(name: "CCrypto", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CGit2", providers: [.apt(["libgit2-dev"])]),
    .systemLibrary(name: "CCurl", providers: [.apt(["libcurl4-gnutls-dev"])]),
    .target(name: "CLate"),
    .systemLibrary(name: "CArchive", providers: [.apt(["libarchive-dev"])]),
    system("CZstd", "libzstd", "libzstd-dev"),
    system("CYAML", "yaml-0.1", "libyaml-dev"),
    .systemLibrary(name: "CLinux"),
    .systemLibrary(name: "CSpawn"),
    .target(name: "Support", path: "Tests/Support", swiftSettings: settings),
    .executableTarget(name: "CrashHarness", path: "Tests/CrashHarness"),
    .testTarget(
        name: "CrashHarnessTests", dependencies: ["CrashHarness", "Support"], swiftSettings: settings),
]

let materials: [Target] = [
    module("Encodings", []),
    module("Files", ["CLinux"], tests: ["CrashHarness", "WriteProbe"]),
    [
        .executableTarget(
            name: "WriteProbe", dependencies: ["Files"], path: "Tests/WriteProbe", swiftSettings: settings)
    ],
    module("Processes", ["CSpawn", "Files"]),
    module("Sodium", ["CSodium", "Encodings"]),
    module("OpenSSL", ["CCrypto", "CLate"], tests: ["Encodings"]),
    module("SSH", ["Encodings", "OpenSSL", "Sodium"]),
    module("Compression", ["CZstd"]),
    module("Git", ["CGit2", "CLate", "Encodings", "Files", "OpenSSL", "Processes"], tests: ["FetchProbe"]),
    [
        .executableTarget(
            name: "FetchProbe", dependencies: ["Git"], path: "Tests/FetchProbe", swiftSettings: settings)
    ],
    module("Tar", ["CArchive", "CLate", "Files"]),
].flatMap { $0 }

let formats: [Target] = [
    module("Documents", ["CYAML", "Encodings"]),
    module("Trust", ["Encodings", "Files", "SSH", "Sodium"]),
    module(
        "Keyrings", ["Documents", "Encodings", "Files", "SSH", "Sodium", "Trust"], exclude: ["FORMAT.md"]),
    module(
        "Sealing", ["Documents", "Encodings", "Files", "Keyrings", "SSH", "Sodium", "Trust"],
        exclude: ["FORMAT.md"]),
    module(
        "Storage", ["CCurl", "CLate", "Encodings", "Files", "OpenSSL", "Sodium"], tests: ["StorageFaults"]),
    [
        .target(
            name: "StorageFaults", dependencies: ["Encodings", "Storage"], path: "Tests/StorageFaults",
            swiftSettings: settings)
    ],
    module(
        "Archives",
        ["Compression", "Encodings", "Files", "OpenSSL", "SSH", "Sodium", "Storage", "Trust"],
        exclude: ["FORMAT.md"], tests: ["StorageFaults"]),
    [
        .executableTarget(
            name: "ArchiveProbe",
            dependencies: ["Archives", "Encodings", "Files", "SSH", "Sodium", "Storage", "Trust"],
            path: "Tests/ArchiveProbe", swiftSettings: settings)
    ],
    module(
        "Journal", ["Encodings", "Files", "Sodium", product("GRDB", "GRDB.swift")], exclude: ["FORMAT.md"]),
].flatMap { $0 }

let flows: [Target] = [
    module(
        "Delivery",
        [
            "Documents", "Encodings", "Files", "Git", "Keyrings", "Processes", "SSH", "Sealing", "Sodium",
            "Trust",
        ],
        exclude: ["FORMAT.md"]),
    module(
        "Backups",
        [
            "Archives", "Encodings", "Files", "Git", "Processes", "Sodium", "Storage", "Tar",
            product("Subprocess", "swift-subprocess"), product("SystemPackage", "swift-system"),
        ]),
].flatMap { $0 }

let faces: [Target] =
    [
        module("Settings", ["Documents", "Encodings"]),
        module(
            "Assembly",
            [
                "Archives", "Backups", "Delivery", "Documents", "Encodings", "Files", "Git", "Journal",
                "Keyrings", "Processes", "SSH", "Sealing", "Settings", "Sodium", "Storage", "Trust",
            ]),
        module(
            "Daemon",
            [
                "Archives", "Assembly", "Backups", "Delivery", "Encodings", "Files", "Journal", "Keyrings",
                "Settings",
            ]),
        module(
            "Commands",
            [
                "Archives", "Assembly", "Backups", "Delivery", "Documents", "Encodings", "Files", "Git",
                "Journal", "Keyrings", "SSH", "Sealing", "Settings", "Sodium", "Storage", "Trust",
                product("ArgumentParser", "swift-argument-parser"), product("Subprocess", "swift-subprocess"),
            ], tests: ["CrashHarness", "strongroom"]),
    ].flatMap { $0 } + [
        .executableTarget(
            name: "strongroom", dependencies: ["Assembly", "Commands", "Daemon"],
            exclude: ["Documentation.docc"], swiftSettings: settings)
    ]

let floors = [libraries + materials, formats, flows, faces]
let floorCount = Context.environment["STRONGROOM_FLOOR"].flatMap(Int.init) ?? floors.count

let package = Package(
    name: "strongroom",
    products: floorCount < 4 ? [] : [.executable(name: "strongroom", targets: ["strongroom"])],
    dependencies: floorCount < 2
        ? []
        : [
            .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
            .package(url: "https://github.com/apple/swift-system", from: "1.6.0"),
            .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
            .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2", traits: []),
        ],
    targets: floors.prefix(floorCount).flatMap { $0 }
)

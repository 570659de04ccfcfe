// Formats of lines: every text in every context.

extension HostilePlaintext {
    private static let variables = [
        "A=TOKEN\nZ=1\n", "B=\"1\"\nA=TOKEN", "A=TOKEN\r\nB='2'\r\n", "A=TOKEN # kept\nB='x'\n",
        "export A=TOKEN # kept\nB='x'\n",
    ]
    /// Files that say that a shell reads them.
    private static let exported = ["export A=TOKEN # kept\nB='x'\n", "A=TOKEN\r\n  export\tB='2'\r\n"]

    /// Those of dotenv.
    package static let dotenv: [HostilePlaintext] =
        each(
            "dotenv", variables,
            [
                ("v\nB2=2", .plain), ("v\nexport B2=2", .plain), ("v\r\nB2=2", .plain), ("v\rB2=2", .plain),
                ("'v'\nB2=2", .single), ("\"v\"\nB2=2\n", .double), ("v #", .plain), ("#", .plain),
                ("# c", .plain),
                ("'v' # c", .single), ("\"v", .double), ("'v", .single), ("\"v", .plain), ("'v'w'", .single),
                ("\"v\" \"w\"", .double), ("v\\", .plain), ("\"v\\\"", .double), ("\"v\\\\\"", .double),
                ("'v\\'", .single), ("$(id)", .plain), ("\"$(id)\"", .double), ("`id`", .plain),
                ("\"`id`\"", .double), ("'v'", .plain), ("v", .single), ("v", .double), ("\"v\"", .single),
                ("", .plain), ("v", .absent), (" v", .plain), ("v ", .plain), ("\n", .plain),
                ("'v\nw'", .single),
                ("\"v\nB2=2\"", .double), ("'v\u{0}'", .single), ("'v\u{2028}'", .single),
                ("'\u{FEFF}'", .single),
                ("v\tw", .plain), ("\"\u{1b}\"", .double), ("v", .literal), ("v", .folded), ("`id", .plain),
                ("v\\\\", .plain), ("'v'\nexport B2=2", .single), ("v\n[c]", .plain),
            ]) + each("dotenv", exported, forShells)

    /// Those of dotenv that are more than one value to shells alone.
    package static let forShells: [(source: String, style: Style)] = [
        ("v B2=2", .plain), ("export B2=2", .plain), ("v;export B2=2", .plain), ("v&B2=2", .plain),
        ("it's", .plain), ("<<X", .plain), ("(v", .plain), ("v|sh", .plain), ("v>f", .plain),
        ("v`id`", .plain), ("v\\'w", .plain), ("v\"w", .plain), ("v B2=2 id", .plain),
    ]

    /// Those of INI.
    package static let ini = each(
        "ini",
        [
            "[a]\nk = TOKEN\nz = 1\n[b]\n", "k=TOKEN", "[a]\r\n  k: TOKEN\r\n[b]\r\nk=1\r\n",
            "[a]\nk =TOKEN \n; c\n",
        ],
        [
            ("v\nb = 2", .plain), ("v\n[c]", .plain), ("v\r\n[c]\r\nk = 2", .plain), ("v\n  more", .plain),
            ("v\r[c]", .plain), ("v\n; c", .plain), ("v\n", .plain), ("\nb = 2", .plain), ("v ; c", .plain),
            ("v # c", .plain), ("; c", .plain), ("#", .plain), ("v\\", .plain), ("\"v", .plain),
            ("'v' = w", .plain), (" v", .plain), ("v ", .plain), ("", .plain), ("v", .absent),
            ("\"v\"", .double), ("'v'", .single), ("v", .literal), ("v\u{0}", .plain),
            ("v\u{2028}[c]", .plain),
            ("v\u{85}[c]", .plain), ("v\tw", .plain), ("v\u{c}", .plain), ("\u{FEFF}", .plain),
            ("v", .tripleDouble), ("`v", .plain),
        ])

    /// Those of TOML.
    package static let toml = each(
        "toml",
        [
            "a = \"TOKEN\"\nz = 1\n", "x = {a = \"TOKEN\", b = 1}\n", "x = [\"TOKEN\", 1]\n[t]\n",
            "[t]\na = \"TOKEN\" # kept", "[[t]]\r\na = \"TOKEN\"\r\n[[t]]\r\n",
        ],
        [
            ("1\nb2 = 2", .plain), ("1\n[c]", .plain), ("1\n[[t]]", .plain), ("\"v\"\nb2 = 2", .double),
            ("'v'\r\n[c]", .single), ("\"v\", b2 = 2", .double), ("1, b2 = 2", .plain), ("1, 2", .plain),
            ("1]", .plain), ("1}", .plain), ("\"v\"]\ny = [\"w\"", .double), ("1 # c", .plain),
            ("# c\n1", .plain), ("\"v\" # c", .double), ("\"v", .double), ("'v", .single),
            ("\"\"\"v", .tripleDouble), ("'''v\n", .tripleSingle), ("{}", .plain), ("{b = 1}", .plain),
            ("[1]", .plain), ("[]", .plain), ("v", .plain), ("v", .double), ("'v'", .double),
            ("\"v\"", .single), ("\"v\"", .tripleDouble), ("\"\"\"v\"\"\"", .double), ("\"v\"", .plain),
            ("1", .double), ("\"v\nw\"", .double), ("'v\nw'", .single), ("\"\\x\"", .double),
            ("\"\\ud800\"", .double), ("\"v\\\"", .double), ("\"v\" \"w\"", .double), (" 1", .plain),
            ("1 ", .plain), ("", .plain), ("", .absent), ("1", .absent), ("01", .plain),
            ("1979-02-30", .plain),
            ("1979-05-27 # c", .plain), ("0x", .plain), ("NaN", .plain), ("'v\u{0}'", .single),
            ("\"v\u{2028}\"", .double), ("'\u{FEFF}'", .single), ("\"\u{85}\"", .double),
            ("\"\"\"v\r\"\"\"", .tripleDouble), ("\"\"\"v\"\"\"\"\"\"", .tripleDouble),
            ("'''v''' # '''", .tripleSingle), ("|\n  v", .literal), ("\"\u{7f}\"", .double),
            ("b2 = 2", .plain),
        ])
}

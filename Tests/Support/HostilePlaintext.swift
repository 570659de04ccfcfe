/// A text that a hostile sealer puts into a token, with the style that he claims for it: opened as it stands, some reader
/// would find more in its document than one value. Modules test it at their own level; a `TOKEN` in a context is the
/// token that was forged.
package struct HostilePlaintext: Sendable, Hashable, CustomStringConvertible {
    /// How the scalar is said to be written; the raw values are those of Documents.
    package enum Style: String, Sendable, Hashable {
        case absent, plain, single, double, literal, folded, tripleDouble, tripleSingle
    }

    /// `yaml`, `json`, `dotenv`, `ini` or `toml`.
    package let format: String
    /// Documents with `TOKEN` in the place of the value, quotes of the format included.
    package let contexts: [String]
    /// The scalar's source text.
    package let source: String
    /// Its style.
    package let style: Style
    /// The column of the mapping that it says it stood in (YAML's blocks).
    package let indentation: Int

    /// Format, style and source, on one line.
    package var description: String { "\(format) \(style) \(source.debugDescription)" }

    /// All of them.
    package static let all = yaml + json + dotenv + ini + toml

    /// One for each source and style: `count` of a format, spread evenly over its list.
    package static func spread(_ count: Int, of format: String) -> [HostilePlaintext] {
        let all = all.filter { $0.format == format }
        guard all.count > count, count > 1 else { return all }
        return (0..<count).map { all[$0 * (all.count - 1) / (count - 1)] }
    }

    static func each(
        _ format: String, _ contexts: [String], _ list: [(source: String, style: Style)]
    ) -> [HostilePlaintext] {
        list.map {
            HostilePlaintext(
                format: format, contexts: contexts, source: $0.source, style: $0.style, indentation: 0)
        }
    }

    private static func yaml(
        _ context: String, _ source: String, _ style: Style = .plain
    ) -> HostilePlaintext {
        HostilePlaintext(
            format: "yaml", contexts: [context], source: source, style: style,
            indentation: context == nested ? 2 : 0)
    }

    private static func json(
        _ context: String, _ source: String, _ style: Style = .plain
    ) -> HostilePlaintext {
        HostilePlaintext(
            format: "json", contexts: [context], source: source, style: style, indentation: 0)
    }
}

// MARK: - YAML

extension HostilePlaintext {
    private static let top = "a: TOKEN\nz: 1\n"
    private static let nested = "x:\n  a: TOKEN\n  b: 1\nz: 1\n"
    private static let list = "x:\n- TOKEN\n- 2\n"
    private static let flow = "x: {a: TOKEN, b: 1}\n"
    private static let array = "x: [TOKEN, 1]\n"
    private static let last = "z: 1\na: TOKEN"
    private static let commented = "a: TOKEN # kept\nz: 1\n"
    private static let crlf = "a: TOKEN\r\nz: 1\r\n"

    /// Those of YAML.
    package static let yaml: [HostilePlaintext] = [
        // Further documents.
        yaml(top, "v\n---\nb: 2"), yaml(top, "v\n...\nb: 2"), yaml(top, "\"v\"\n---\nb: 2", .double),
        yaml(last, "v\n--- "), yaml(top, "|\n  v\n---\nb: 2\n", .literal),
        yaml(top, "\"v\n---\n\"", .double), yaml(last, "'v'\n...", .single),
        // Further keys.
        yaml(top, "v\nb: 2"), yaml(top, "'v'\nb: 2", .single), yaml(top, "|\n  v\nb: 2", .literal),
        yaml(nested, "v\n  c: 2"), yaml(nested, ">-\n    v\n  c: 2", .folded),
        yaml(top, "b: c"), yaml(top, "'b': c", .single), yaml(top, "? b"), yaml(top, "b:"),
        yaml(top, "{b: c}"), yaml(top, "[b]"), yaml(top, "- b"), yaml(list, "b: c"),
        yaml(list, "- b"), yaml(list, "v\n- w"), yaml(list, "\"v\"\n- w", .double),
        yaml(top, "\nb: 2"),
        yaml(top, "\n  b: 2"), yaml(last, "v\nb: 2"), yaml(top, "", .plain), yaml(top, "v", .absent),
        yaml(top, "<<: *x"),
        // Anchors, aliases, tags.
        yaml(top, "&x v"), yaml(top, "*x"), yaml(top, "!!int 1"), yaml(top, "! v"),
        yaml(top, "!<tag:yaml.org,2002:str> 'v'", .single), yaml(top, "&x 'v'", .single),
        yaml(top, "!!binary |\n  AAAA", .literal), yaml(top, "&x"), yaml(flow, "&x v"),
        yaml(array, "*x"),
        // Comments that swallow what follows, or hide in the value.
        yaml(commented, "v #"), yaml(flow, "v #"), yaml(top, "v # c"), yaml(top, "# c"),
        yaml(flow, "#"), yaml(top, "'v' # c", .single), yaml(array, "\"v\" # c\n", .double),
        yaml(top, "|\n  v\n# c", .literal), yaml(top, "v\t# c"), yaml(array, "v\n# c\n"),
        // Out of brackets.
        yaml(flow, "v, c: 2"), yaml(flow, "v}"), yaml(flow, "v} #"), yaml(array, "v, 2"),
        yaml(array, "v], y: [2"), yaml(array, "v: 2"), yaml(array, "{k: v}"),
        yaml(flow, "'v', c: 'w'", .single),
        yaml(flow, "\"v\", \"c\": \"w\"", .double), yaml(flow, "|\n v", .literal), yaml(array, "[v]"),
        yaml(array, "v]"), yaml(array, "? v"), yaml(flow, ":v"), yaml(array, "-"),
        yaml(array, "v\n,2"),
        // Quotes and blocks that take in, or leave over.
        yaml(top, "\"v", .double), yaml(top, "'v", .single), yaml(top, "'v' w", .single),
        yaml(top, "\"v\" ", .double), yaml(top, " v"), yaml(top, "v "), yaml(top, "v\n"),
        yaml(top, "|", .plain), yaml(top, ">\n", .folded), yaml(top, "|\n  v\n\n", .literal),
        yaml(nested, "|\n    v\n  ", .literal), yaml(top, "|9\n  v", .literal),
        yaml(top, "|x\n  v", .literal),
        yaml(top, "\"\\z\"", .double), yaml(top, "\"\\ud800\"", .double),
        yaml(nested, "|\n  v", .literal),
        yaml(nested, "|\nv", .literal), yaml(top, "@v"), yaml(top, "`v"), yaml(top, "%v\n"),
        // Another style than the recorded one.
        yaml(top, "'v'", .plain), yaml(top, "v", .double), yaml(top, "\"v\"", .single),
        yaml(top, ">\n  v", .literal), yaml(top, "|\n  v", .folded),
        // Characters that other readers take for line ends, or for the end.
        yaml(top, "v\u{0}"), yaml(top, "\"v\u{85}b: 2\"", .double), yaml(top, "v\u{2028}b: 2"),
        yaml(top, "v\u{2029}b: 2"), yaml(top, "\u{FEFF}v"), yaml(top, "v\r"), yaml(top, "v\rb: 2"),
        yaml(top, "'v\r\n  w'", .single), yaml(crlf, "'v\r  w'", .single), yaml(top, "v\u{1b}[2J"),
        yaml(top, "\"v\u{7}\"", .double), yaml(top, "v\u{7f}"), yaml(top, "v\tw"),
    ]
}

// MARK: - JSON

extension HostilePlaintext {
    private static let object = "{\"a\": \"TOKEN\", \"z\": 1}"
    private static let elements = "[\"TOKEN\", 1]"

    /// Those of JSON.
    package static let json: [HostilePlaintext] = [
        json(object, "\"v\", \"b\": 2", .double), json(object, "\"v\"}", .double),
        json(object, "\"v", .double),
        json(object, "v"), json(object, "{}"), json(object, "[1]"), json(object, "1, \"b\": 2"),
        json(object, "1 "), json(object, " \"v\"", .double), json(object, "01"), json(object, "1."),
        json(object, "+1"), json(object, "NaN"), json(object, "'v'", .single), json(object, "True"),
        json(object, "\"v\nw\"", .double), json(object, "\"v\tw\"", .double),
        json(object, "\"\\x41\"", .double),
        json(object, "\"\\ud800\"", .double), json(object, "\"v\u{2028}\"", .double),
        json(object, "\"v\u{0}\"", .double), json(object, "\"v\" //", .double), json(object, "/**/1"),
        json(object, "", .plain), json(object, "", .absent), json(object, "\"v\"", .plain),
        json(object, "1", .double), json(object, "|\n v", .literal), json(elements, "1, 2"),
        json(elements, "1]"), json(elements, "\"v\", \"w\"", .double),
        json(elements, "\"v\"], [\"", .double),
        json(elements, "null\n"), json(object, "\"\u{FEFF}\"", .double), json(object, "-"),
    ]
}

internal import Documents

extension SealedRecord.Format {
    /// The code of a document's format.
    init(_ format: DocumentFormat) {
        switch format {
        case .yaml: self = .yaml
        case .json: self = .json
        case .dotenv: self = .dotenv
        case .ini: self = .ini
        case .toml: self = .toml
        }
    }

    /// The format of the code.
    var documentFormat: DocumentFormat {
        switch self {
        case .yaml: .yaml
        case .json: .json
        case .dotenv: .dotenv
        case .ini: .ini
        case .toml: .toml
        }
    }
}

extension SealedRecord.Style {
    /// The code of a scalar's style.
    init(_ style: ScalarStyle) {
        switch style {
        case .absent: self = .empty
        case .plain: self = .plain
        case .single: self = .single
        case .double: self = .double
        case .literal: self = .literal
        case .folded: self = .folded
        case .tripleDouble: self = .tripleDouble
        case .tripleSingle: self = .tripleSingle
        }
    }

    /// The style of the code.
    var scalarStyle: ScalarStyle {
        switch self {
        case .empty: .absent
        case .plain: .plain
        case .single: .single
        case .double: .double
        case .literal: .literal
        case .folded: .folded
        case .tripleDouble: .tripleDouble
        case .tripleSingle: .tripleSingle
        }
    }
}

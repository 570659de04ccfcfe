import Testing

@testable import Storage

@Suite struct XMLElementTests {
    static let page = """
        <?xml version="1.0" encoding="UTF-8"?>
        <Root xmlns="http://x/" a='1'>
          <Item><Key>a&amp;b&lt;&#x41;&#66;</Key><Size>1</Size></Item>
          <Item><Key/></Item><n:Empty  />
        </Root>
        """

    @Test func `elements, text and references are read`() throws {
        let root = try #require(XMLElement.parse(Array(("\n  " + XMLElementTests.page + "\n").utf8)))
        #expect(root.name == "Root")
        #expect(root.all("Item").count == 2)
        #expect(root["Item"]?["Key"]?.text == "a&b<AB")
        #expect(root.all("Item")[1]["Key"]?.text == "")
        #expect(root["Size"] == nil)
        #expect(root["n:Empty"]?.text == "")
    }

    @Test(arguments: [
        "", "text", "<a>", "</a>", "<a></b>", "<a></a><b/>", "<a></a>text", "<a b></a>", "<a b=c></a>",
        "<a b=\"c></a>",
        "<a b='<'></a>", "<a b='1'c='2'></a>", "<a>&b;</a>", "<a>&amp</a>", "<a>&#0;</a>", "<a>&#xD800;</a>",
        "<a>&#-1;</a>", "<a>&#99999999999;</a>", "<!DOCTYPE a><a/>", "<a><!-- c --></a>",
        "<a><![CDATA[b]]></a>",
        "<a><?php?></a>", "<?xml", "< a/>", "<a/ >", "<a>\u{0}<", "<>x</>", "<a><b></a></b>",
    ])
    func `everything else is refused`(text: String) {
        #expect(XMLElement.parse(Array(text.utf8)) == nil)
    }

    @Test func `text that is not UTF-8 is refused`() {
        #expect(XMLElement.parse(Array("<a>".utf8) + [0xFF] + Array("</a>".utf8)) == nil)
    }

    @Test func `a document cut at any place is refused`() {
        let bytes = Array(XMLElementTests.page.utf8)
        for count in bytes.indices { #expect(XMLElement.parse(Array(bytes[..<count])) == nil) }
        for index in bytes.indices {
            for bit in 0..<8 {
                var flipped = bytes
                flipped[index] ^= 1 << bit
                // What matters is that it comes back.
                _ = XMLElement.parse(flipped)
            }
        }
    }

    @Test func `depth is bounded`() {
        func nested(_ depth: Int) -> [UInt8] {
            Array((String(repeating: "<a>", count: depth) + String(repeating: "</a>", count: depth)).utf8)
        }
        #expect(XMLElement.parse(nested(XMLElement.depthLimit)) != nil)
        #expect(XMLElement.parse(nested(XMLElement.depthLimit + 1)) == nil)
        #expect(XMLElement.parse(nested(100_000)) == nil)
    }
}

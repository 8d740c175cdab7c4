// SPDX-License-Identifier: Apache-2.0

import RegularExpression
import Testing

@Suite struct RegularExpressionTests {
  @Test func matchesWholeOrPart() throws {
    let expression = try RegularExpression("/api/v[0-9]+")
    #expect(expression.matchesWhole("/api/v12"))
    #expect(!expression.matchesWhole("/api/v12/x"))
    #expect(expression.matchesPart(of: "see /api/v1/x"))
    #expect(!expression.matchesPart(of: "/api/v"))
  }

  @Test func wholeMeansEveryAlternative() throws {
    let expression = try RegularExpression("a|ab")
    #expect(expression.matchesWhole("ab"))
    #expect(!expression.matchesWhole("abc"))
  }

  @Test func textsAreUTF8AndMayHoldNUL() throws {
    #expect(try RegularExpression("é.").matchesWhole("é😀"))
    #expect(try RegularExpression("").matchesWhole(""))
    #expect(try !RegularExpression("a").matchesWhole("a\0"))
    #expect(try RegularExpression("a\\x00b").matchesWhole("a\0b"))
  }

  @Test(arguments: [
    ("(", "not a regular expression of RE2: missing ): ("),
    ("*a", "not a regular expression of RE2: no argument for repetition operator: *"),
    ("[z-a]", "not a regular expression of RE2: invalid character class range: z-a"),
    ("(?=a)", "not a regular expression of RE2: invalid perl operator: (?="),
    ("(a)\\1", "not a regular expression of RE2: invalid escape sequence: \\1"),
    ("a{1001}", "not a regular expression of RE2: invalid repetition size: {1001}"),
  ]) func saysWhatIsWrong(_ pattern: String, _ message: String) {
    let error = #expect(throws: RegularExpressionError.self) { try RegularExpression(pattern) }
    #expect(error?.description == message)
  }

  @Test func keepsLimits() throws {
    _ = try RegularExpression(String(repeating: "a", count: 1024))
    let long = #expect(throws: RegularExpressionError.self) {
      try RegularExpression(String(repeating: "a", count: 1025))
    }
    #expect(long?.reason == "the regular expression has 1025 bytes, more than the limit 1024")
    let large = #expect(throws: RegularExpressionError.self) {
      try RegularExpression(
        "(a{100}){10}", limits: RegularExpressionLimits(memory: 1 << 12))
    }
    #expect(
      large?.reason
        == "not a regular expression of RE2: pattern too large - compile failed")
  }

  @Test func quotesWhatHasAMeaning() throws {
    for text in ["a.b*c", "/x?y=[1]", "é\n\0{", ""] {
      #expect(try RegularExpression(RegularExpression.quote(text)).matchesWhole(text))
    }
    #expect(RegularExpression.quote("a.b") == "a\\.b")
    #expect(try !RegularExpression(RegularExpression.quote("a.b")).matchesWhole("axb"))
  }

  @Test func countsGroupsAndInstructions() throws {
    let expression = try RegularExpression("(a)(?:b)(?P<c>c)")
    #expect(expression.groupCount == 2)
    #expect(expression.programSize > 3)
  }
}

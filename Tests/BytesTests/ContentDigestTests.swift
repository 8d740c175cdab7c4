// SPDX-License-Identifier: Apache-2.0

import Bytes
import Testing

@Suite struct ContentDigestTests {
  /// The published XXH3-128 value of the empty input.
  @Test func emptyInputHasThePublishedValue() {
    #expect(ContentDigest(of: "").description == "99aa06d3014798d86001c324468d497f")
  }

  @Test func oneByteChangesTheDigest() {
    #expect(ContentDigest(of: "cluster-a") != ContentDigest(of: "cluster-b"))
  }

  @Test func slicesLendTheirPart() {
    let slice = ByteSlice(SharedBytes([1, 2, 3, 4]), offset: 1, count: 2)
    #expect(slice.withUnsafeBytes { Array($0) } == [2, 3])
  }
}

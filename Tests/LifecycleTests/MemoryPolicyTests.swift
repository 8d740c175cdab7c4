// SPDX-License-Identifier: Apache-2.0

import Lifecycle
import Testing

@Suite struct MemoryPolicyTests {
  @Test func theAllocatorTakesIt() {
    #expect(MemoryPolicy.apply())
  }
}

// SPDX-License-Identifier: Apache-2.0

import CLinuxShims
import Glibc

/// How a process gives memory back: what a burst took must not stay resident for ever.
public enum MemoryPolicy {
  /// From this size on, in bytes, a block is mapped by itself, and unmapped when it is freed.
  ///
  /// Left alone, glibc raises the limit to the largest block that was ever freed, up to 32 MB; then
  /// large buffers leave holes in the heap that little ones keep from being given back.
  private static let mappedBlock: Int32 = 128 << 10
  /// How much free memory may stand at the heap's end, in bytes.
  private static let slack: Int32 = 1 << 20

  /// Sets glibc's allocator, with as many heaps as can be worked in at once; to be called before
  /// threads are started.
  ///
  /// - Returns: Whether the allocator took it.
  @discardableResult
  public static func apply() -> Bool {
    let heaps = Int32(clamping: max(2, sysconf(Int32(_SC_NPROCESSORS_ONLN))))
    return clinuxshims_set_allocator(mappedBlock, slack, heaps)
  }
}

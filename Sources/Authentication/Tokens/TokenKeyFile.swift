// SPDX-License-Identifier: Apache-2.0

import StateDirectory
import Synchronization

/// The keys of an issuer in a file (a JWKS), read anew when the file changes.
///
/// A file that becomes unusable leaves the last keys in force; where there were none, every token is
/// refused.
public final class TokenKeyFile: Sendable {
  private struct State {
    var mark: FileMark?
    var keys = TokenKeySet()
  }

  /// The file's path.
  public let path: String
  private let report: @Sendable (String) -> Void
  private let state = Mutex(State())

  /// The keys in a file, which need not be there yet.
  ///
  /// - Parameter report: Told in a sentence why the file cannot be used, once for each content.
  public init(_ path: String, report: @escaping @Sendable (String) -> Void) {
    self.path = path
    self.report = report
  }

  /// The keys as they are now.
  public var keys: TokenKeySet {
    let mark = FileMark(path)
    let (keys, problem) = state.withLock { state -> (TokenKeySet, String?) in
      guard state.mark != mark else { return (state.keys, nil) }
      state.mark = mark
      do {
        state.keys = try TokenKeySet(jwks: FileBytes.read(path))
        return (state.keys, nil)
      } catch {
        return (state.keys, "the keys in \(path) cannot be used: \(error)")
      }
    }
    if let problem { report(problem) }
    return keys
  }
}

// SPDX-License-Identifier: Apache-2.0

/// What this build calls itself.
enum Version {
  /// The version.
  static let number = "0.1.0"
  /// The text that `/version` answers, in istiod's form: version, revision, state of the build.
  static let long = "\(number)-navarch-Clean"
}

// SPDX-License-Identifier: Apache-2.0

import Glibc
import Logging
import StateDirectory

/// Writes the workload's certificate, key and roots to a folder for programs that read files
/// (`OUTPUT_CERTS`): gRPC's own clients, Prometheus, virtual machines.
struct OutputCertificates: Sendable {
  let folder: String
  /// Whether others of the Pod may read them; else they are for their owner's eyes.
  let isShared: Bool
  let log: Logger

  /// Writes what has changed.
  func write(_ view: SecretView) {
    let files = CertificateFiles(folder: folder)
    // The key comes before the certificate, and both replace the file that was there in one step.
    for (path, bytes) in [
      (files.key, view.pair?.key), (files.chain, view.pair?.chain), (files.roots, view.trusted),
    ] {
      guard let bytes, (try? FileBytes.read(path)) != bytes else { continue }
      do throws(FileError) {
        try FileBytes.replace(path, bytes)
        if isShared { chmod(path, 0o644) }
      } catch {
        log.error("the workload's certificate cannot be written: \(error)")
      }
    }
  }
}

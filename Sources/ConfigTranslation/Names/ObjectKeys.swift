// SPDX-License-Identifier: Apache-2.0

import Configuration

extension ConfigObject {
  /// The object's identity.
  var key: ObjectKey { ObjectKey(kind: kind, namespace: meta.namespace, name: meta.name) }
}

// SPDX-License-Identifier: Apache-2.0

import Configuration
import JSON
import MeshModel
import Testing

@testable import KubernetesSource

@Suite("Secrets of remote clusters")
struct RemoteSecretTests {
  private static func change(_ name: String, _ entries: [String: String]?) throws -> ReflectorChange
  {
    var change = ReflectorChange()
    let key = ObjectKey(kind: Kubernetes.Secret.kind, namespace: "istio-system", name: name)
    guard let entries else {
      change.removals = [key]
      return change
    }
    let data = entries.sorted { $0.key < $1.key }.map {
      JSONObject.Member($0.key, .string(Base64.encode(Array($0.value.utf8))))
    }
    let value: JSONValue = [
      "apiVersion": "v1", "kind": "Secret",
      "metadata": ["name": .string(name), "namespace": "istio-system"],
      "data": .object(JSONObject(distinct: data)),
    ]
    let object = try #require(ConfigurationObject.decode(value, strictness: .lenient).object)
    change.upserts = [SourcedObject(key: key, object: object)]
    return change
  }

  @Test("each entry is a cluster; an id that is the own one or named already is said")
  func members() throws {
    var secrets = RemoteSecrets(ownCluster: "here")
    secrets.take(try Self.change("b", ["east": "later", "north": "n"]))
    secrets.take(try Self.change("a", ["east": "first", "here": "x"]))
    let (clusters, problems) = secrets.members
    #expect(clusters.keys.sorted() == ["east", "north"])
    #expect(clusters["east"]?.secret == "istio-system/a")
    #expect(clusters["east"]?.kubeconfig == Array("first".utf8))
    #expect(problems.count == 2)
    secrets.take(try Self.change("a", nil))
    #expect(secrets.members.clusters["east"]?.kubeconfig == Array("later".utf8))
    #expect(secrets.members.problems.isEmpty)
  }
}

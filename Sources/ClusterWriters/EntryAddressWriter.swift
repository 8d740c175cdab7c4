// SPDX-License-Identifier: Apache-2.0

public import Configuration
internal import JSON
public import KubernetesClient
public import ServiceDiscovery
internal import Synchronization

/// Gives addresses to the hosts of ServiceEntries that have none, and writes them into their status,
/// where all replicas read them.
///
/// Of two entries with one address the older keeps it; an address that an entry declares itself is
/// never given. An entry that wants none any more loses what it has.
public final class EntryAddressWriter: ClusterWriter {
  /// One address of one host, in the order of the hosts.
  struct Given: Hashable {
    var host: String
    var addresses: [String]
  }

  /// What a status shall say in place of what it says.
  struct Plan: Hashable {
    var before: [String: [String]]
    var given: [Given]

    /// The status after it.
    var after: [String: [String]] {
      Dictionary(given.map { ($0.host, $0.addresses) }) { first, _ in first }
    }
  }

  /// What it writes.
  public let name = "addresses of ServiceEntries"
  private let client: KubernetesClient
  private let entries: @Sendable () -> [ConfigObject<Istio.ServiceEntry>]
  private let ranges: AddressAllocation.Ranges
  private let changes: AsyncStream<Void>
  /// Writes that the watch has not told of yet.
  private let written = Mutex<[String: Plan]>([:])
  private let plan = Mutex<[String: Plan]>([:])

  /// A writer.
  ///
  /// - Parameters:
  ///   - ranges: Where addresses come from.
  ///   - changes: An element whenever entries may differ.
  ///   - entries: All entries that count.
  public init(
    client: KubernetesClient, ranges: AddressAllocation.Ranges, changes: AsyncStream<Void>,
    entries: @escaping @Sendable () -> [ConfigObject<Istio.ServiceEntry>]
  ) {
    self.client = client
    self.ranges = ranges
    self.changes = changes
    self.entries = entries
  }

  /// Waits for changes of entries.
  public func follow(_ notify: @escaping @Sendable () -> Void) async {
    for await _ in changes { notify() }
  }

  /// The entries whose status says something else than it should, as `namespace/name`.
  public func due() -> [String] {
    let entries = overlaid(entries())
    let next = Self.plan(entries, ranges)
    plan.withLock { $0 = next }
    return next.keys.sorted()
  }

  /// The entries with what was written and is not told yet.
  private func overlaid(
    _ entries: [ConfigObject<Istio.ServiceEntry>]
  ) -> [ConfigObject<Istio.ServiceEntry>] {
    written.withLock { written in
      var kept: [String: Plan] = [:]
      let result = entries.map { entry in
        let key = Self.key(entry.meta)
        guard let known = written[key], entry.status.addresses == known.before else { return entry }
        kept[key] = known
        var status = entry.status
        status.addresses = known.after
        return ConfigObject(meta: entry.meta, spec: entry.spec, status: status)
      }
      written = kept
      return result
    }
  }

  /// What the status of entries should say where it does not.
  static func plan(
    _ entries: [ConfigObject<Istio.ServiceEntry>], _ ranges: AddressAllocation.Ranges
  ) -> [String: Plan] {
    let allocation = AddressAllocation(entries: entries, ranges: ranges)
    var plan: [String: Plan] = [:]
    for entry in entries {
      let wants = AddressAllocation.wantsAddresses(entry)
      var seen: Set<String> = []
      let owners = wants ? AddressAllocation.owners(in: entry) : []
      let given = owners.filter { seen.insert($0.host).inserted }.map {
        Given(host: $0.host, addresses: allocation.addresses(of: $0))
      }.filter { !$0.addresses.isEmpty }
      let wanted = Plan(before: entry.status.addresses, given: given)
      if wanted.after.mapValues(Set.init) != wanted.before.mapValues(Set.init) {
        plan[key(entry.meta)] = wanted
      }
    }
    return plan
  }

  private static func key(_ meta: ObjectMeta) -> String { "\(meta.namespace)/\(meta.name)" }

  /// Writes the status of an entry, unless it is another than the one that was planned for.
  public func write(
    _ name: String, by deadline: ContinuousClock.Instant
  ) async throws(KubernetesRequestError) -> Bool {
    let parts = name.split(separator: "/", maxSplits: 1).map(String.init)
    guard parts.count == 2, let plan = plan.withLock({ $0[name] }) else { return false }
    var path = ObjectPath(
      group: "networking.istio.io", plural: "serviceentries", namespace: parts[0], name: parts[1])
    let object: JSONValue
    do throws(KubernetesRequestError) {
      object = try await client.object(at: path, by: deadline)
    } catch {
      if error.isNotFound { return false }
      throw error
    }
    guard
      case .serviceEntry(let entry)? = ConfigurationObject.decode(object, strictness: .lenient)
        .object, !entry.meta.isBeingDeleted, Self.fits(plan, entry)
    else { return false }
    path.subresource = "status"
    let addresses = plan.given.flatMap { given in
      given.addresses.map { ["value": .string($0), "host": .string(given.host)] as JSONValue }
    }
    let version = object["metadata"]?["resourceVersion"] ?? ""
    _ = try await client.patch(
      .merge([
        "metadata": ["resourceVersion": version], "status": ["addresses": .array(addresses)],
      ]), at: path, by: deadline)
    written.withLock { $0[name] = plan }
    return true
  }

  /// Whether an entry is still as it was planned for: else the watch will tell what it is.
  private static func fits(_ plan: Plan, _ entry: ConfigObject<Istio.ServiceEntry>) -> Bool {
    guard entry.status.addresses == plan.before else { return false }
    guard AddressAllocation.wantsAddresses(entry) else { return plan.given.isEmpty }
    return Set(plan.given.map(\.host)).isSubset(
      of: AddressAllocation.owners(in: entry).map(\.host))
  }
}

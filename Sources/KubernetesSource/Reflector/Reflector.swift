// SPDX-License-Identifier: Apache-2.0

public import Configuration
import MeshModel

/// Follows the objects of one kind on an API server, as Kubernetes' own clients do: without IO,
/// clock or chance.
///
/// First it asks for a stream of all that is there, where the server cannot do that for a list in
/// pages; then it watches from the version that it got. A watch that ends is begun again from the
/// last version seen. Only where the server has forgotten that version is all listed again, and what
/// is missing then is said to be gone. Whatever fails is tried again after a while, and meanwhile
/// what is held stays.
public struct Reflector: Sendable {
  /// How one kind is followed.
  public struct Settings: Hashable, Sendable {
    /// The versions of the API to try, the preferred one first.
    public var versions: [String]
    /// Whether the kind may be unknown to the server; until it is known there are no objects.
    public var isOptional = false
    /// Whether to ask for streams instead of lists.
    public var usesStreams = true
    /// How many objects a page has.
    public var pageSize = 500
    /// How long a stream of all that is there may pause before a list is tried instead.
    public var streamPatience = Duration.seconds(15)
    /// The shortest time after which a watch is ended; by chance it is up to twice that.
    public var watchTimeout = Duration.seconds(300)
    /// How long to wait before a kind that is not there is asked for again unbidden.
    public var absencePoll = Duration.seconds(30)

    /// The settings for a kind of these versions.
    public init(versions: [String], isOptional: Bool = false) {
      self.versions = versions
      self.isOptional = isOptional
    }
  }

  /// What is known of an object that was told.
  struct Held: Hashable, Sendable {
    var uid: String
    var resourceVersion: String
  }

  enum Phase: Hashable, Sendable {
    case idle
    case listing
    case streaming(since: Duration)
    case watching(since: Duration, hasEvents: Bool)
    /// Nothing is under way until the deadline.
    case waiting(for: Next)
  }

  enum Next: Hashable, Sendable {
    case all
    case watch
    /// All, of a kind that the server did not know.
    case absent
  }

  /// When to be told the time.
  public internal(set) var deadline: Duration?
  /// Whether all that there was has been told.
  public internal(set) var isSynced = false

  let settings: Settings
  var phase = Phase.idle
  var held: [ObjectKey: Held] = [:]
  /// What a list or a stream has told so far.
  var incoming: [ObjectKey: ReadObject] = [:]
  /// The version to go on from; empty for the newest.
  var resourceVersion = ""
  var usesStreams: Bool
  /// Whether a stream has told all there was once, so that the server knows what it is.
  var hasStreamed = false
  var pageSize: Int
  private var number = 0
  var versionIndex = 0
  var backoff = Backoff()
  var isDefined: Bool?
  var isFailing = false
  /// Whether the last request failed without an answer.
  var isUnanswered = false

  /// A reflector that has told nothing yet.
  public init(_ settings: Settings) {
    self.settings = settings
    usesStreams = settings.usesStreams
    pageSize = settings.pageSize
  }

  /// The objects that were told and are not gone.
  public var keys: some Collection<ObjectKey> { held.keys }

  /// Takes an input; what is to be done.
  public mutating func take(_ input: ReflectorInput, at moment: Moment) -> [ReflectorAction] {
    switch input {
    case .start: return phase == .idle ? askForAll(moment) : []
    case .refused(let request, let refusal):
      return request == number ? refused(refusal, moment) : []
    case .failed(let request, let reason): return request == number ? failed(reason, moment) : []
    case .page(let request, let page): return request == number ? take(page, moment) : []
    case .opened(let request): return request == number ? opened(moment) : []
    case .events(let request, let events): return request == number ? take(events, moment) : []
    case .closed(let request): return request == number ? closed(moment) : []
    case .tick: return tick(moment)
    case .definition(let isPresent): return define(isPresent, moment)
    case .relist: return relist(moment)
    case .serverIsBack: return hurry(moment)
    }
  }

  // MARK: Asking

  /// Asks for all that there is.
  mutating func askForAll(_ moment: Moment) -> [ReflectorAction] {
    incoming = [:]
    guard !usesStreams else {
      phase = .streaming(since: moment.now)
      return [request(.stream(resourceVersion: resourceVersion), moment, settings.streamPatience)]
    }
    phase = .listing
    return [
      request(
        .list(resourceVersion: resourceVersion, continue: "", limit: pageSize), moment, nil)
    ]
  }

  /// Watches from the last version.
  mutating func watch(_ moment: Moment) -> ReflectorAction {
    phase = .watching(since: moment.now, hasEvents: false)
    return request(.watch(resourceVersion: resourceVersion), moment, nil)
  }

  /// Makes a request; without `patience` the deadline of a watch is some time after its end.
  mutating func request(
    _ question: ReflectorRequest.Question, _ moment: Moment, _ patience: Duration?
  ) -> ReflectorAction {
    number += 1
    let timeout = settings.watchTimeout * (1 + moment.chance)
    switch question {
    case .list: deadline = nil
    case .stream, .watch: deadline = moment.now + (patience ?? (timeout + Reflector.grace))
    }
    return .request(
      ReflectorRequest(
        number: number, version: settings.versions[versionIndex], question: question,
        timeout: timeout))
  }

  /// How much longer than agreed a watch may take.
  private static let grace = Duration.seconds(30)

  /// Gives the request up and waits; a wait of zero goes on at once.
  mutating func wait(
    _ wait: Duration, for next: Next, _ moment: Moment
  ) -> [ReflectorAction] {
    number += 1
    phase = .waiting(for: next)
    deadline = moment.now + wait
    return [.cancel]
  }

  private mutating func tick(_ moment: Moment) -> [ReflectorAction] {
    guard let deadline, moment.now >= deadline else { return [] }
    switch phase {
    case .idle, .listing: return []
    case .waiting(.watch): return [watch(moment)]
    case .waiting: return askForAll(moment)
    case .watching: return [.cancel, watch(moment)]
    case .streaming:
      // A server that does not know such streams begins an ordinary watch instead.
      usesStreams = false
      return [.cancel] + askForAll(moment)
    }
  }

  /// Tries again at once what failed only because there was no answer.
  private mutating func hurry(_ moment: Moment) -> [ReflectorAction] {
    guard isUnanswered, case .waiting(let next) = phase, next != .absent else { return [] }
    isUnanswered = false
    return next == .watch ? [watch(moment)] : askForAll(moment)
  }

  private mutating func define(_ isPresent: Bool, _ moment: Moment) -> [ReflectorAction] {
    isDefined = isPresent
    guard isPresent, phase == .waiting(for: .absent) else { return [] }
    return askForAll(moment)
  }

  private mutating func relist(_ moment: Moment) -> [ReflectorAction] {
    switch phase {
    case .watching, .listing, .streaming:
      // What was left out on arrival is not among what is held, so that it is told now.
      return [.cancel] + askForAll(moment)
    case .waiting(.watch):
      phase = .waiting(for: .all)
      return []
    case .waiting, .idle: return []
    }
  }
}

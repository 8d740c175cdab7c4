// SPDX-License-Identifier: Apache-2.0

import CGRPC

/// A deadline as gRPC's monotonic clock counts it; `nil` is never.
func timespec(_ deadline: ContinuousClock.Instant?) -> gpr_timespec {
  guard let deadline else { return gpr_inf_future(GPR_CLOCK_MONOTONIC) }
  let left = (deadline - .now).components
  let span = gpr_timespec(
    tv_sec: left.seconds, tv_nsec: Int32(left.attoseconds / 1_000_000_000),
    clock_type: GPR_TIMESPAN)
  // A negative part of a second is rounded away: the deadline is past in any case.
  let whole = span.tv_nsec < 0 ? gpr_time_from_seconds(span.tv_sec, GPR_TIMESPAN) : span
  return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), whole)
}

/// A deadline of gRPC's as an instant; `nil` where there is none.
func instant(_ deadline: gpr_timespec) -> ContinuousClock.Instant? {
  if gpr_time_cmp(deadline, gpr_inf_future(deadline.clock_type)) == 0 { return nil }
  let left = gpr_time_sub(deadline, gpr_now(deadline.clock_type))
  return .now + .seconds(left.tv_sec) + .nanoseconds(Int64(left.tv_nsec))
}

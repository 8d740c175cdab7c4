// SPDX-License-Identifier: Apache-2.0
// libFuzzer, which comes with the compiler (-sanitize=fuzzer).
#include <stddef.h>
#include <stdint.h>

// Calls `body` with one input after another, as the arguments say; returns the exit status.
int LLVMFuzzerRunDriver(int *count, char ***arguments, int (*body)(const uint8_t *, size_t));

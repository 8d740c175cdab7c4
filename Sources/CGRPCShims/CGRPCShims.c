// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include <pthread.h>

#include "CGRPCShims.h"

void cgrpc_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }

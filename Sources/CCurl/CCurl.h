// SPDX-License-Identifier: Apache-2.0
#include <features.h>
#include <curl/curl.h>

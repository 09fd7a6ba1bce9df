// What MXNet calls when it loads this library.
#include "common.h"

MXReturnValue initialize(int version) { return version >= 10700 ? MX_SUCCESS : MX_FAIL; }

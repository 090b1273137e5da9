#pragma once

#include "arguments.h"

namespace traffic {

// Each prints its result as one line of JSON; what they take is in README.md. They always end: by count or by time.
void Flood(Arguments& arguments);
void Sink(Arguments& arguments);
void Latency(Arguments& arguments);
void Send(Arguments& arguments);
void Capture(Arguments& arguments);

}  // namespace traffic

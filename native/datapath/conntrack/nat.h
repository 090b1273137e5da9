#pragma once

#include "datapath/conntrack/arguments.h"
#include "datapath/conntrack/parse.h"
#include "datapath/conntrack/table.h"

namespace slowpath {

// Finds what a new connection with the original tuple 'original' is translated to: 'reply', the tuple of its answers, unused
// so far. False when nothing within the range is free, or was found in the number of tries a packet may cost.
bool ChooseTranslation(ConnectionTable& table, const CtArguments& arguments, const Tuple& original, uint32_t random,
                       uint64_t nowMs, Tuple* reply);

// Translates a packet of direction 'reply' of a connection: addresses, ports and the identifier of ICMP queries; of an ICMP
// error addresses and the packet inside. Checksums stay right, or as wrong as they were. The packet must be its own.
// False when a header is not where it was parsed.
bool Translate(Packet& packet, const TrackedPacket& parsed, const Connection& connection, bool reply);

}  // namespace slowpath

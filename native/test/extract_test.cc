#include <doctest/doctest.h>

#include "support.h"
#include "wire/flow_key.h"

// Frames that are not what they say, by the rules of the kernel and of OVS's userspace (View).
namespace slowpath {
namespace {

using test::Hex;

struct Key {
  uint32_t words[flow::kWords] = {};
  uint32_t operator[](unsigned i) const { return words[i]; }
};
Key Extract(const std::string& hex, View view) {
  Key key;
  ExtractPacket(Hex(hex), key.words, view);
  return key;
}
Key AsKernel(const std::string& hex) { return Extract(hex, View::kKernel); }
Key AsOvs(const std::string& hex) { return Extract(hex, View::kUserspace); }

const std::string kMacs = "020000000002 020000000001 ";
const std::string kAddresses = "0a000001 0a000002 ";
// IPv6 addresses, fe80::1 to fe80::2.
const std::string kAddresses6 = "fe800000000000000000000000000001 fe800000000000000000000000000002 ";

TEST_CASE("a total length that lies hides the packet from OVS, not from the kernel") {
  std::string longer = kMacs + "0800 45000040 00000000 40110000 " + kAddresses + "03e80035 00080000";
  CHECK(AsKernel(longer)[flow::kTpDst] == 53);
  CHECK(AsOvs(longer)[flow::kNwProto] == 0);
  CHECK(AsOvs(longer)[flow::kEthType] == 0x800);
  std::string shorter = kMacs + "0800 45000018 00000000 40110000 " + kAddresses + "03e80035 00080000";
  CHECK(AsKernel(shorter)[flow::kTpDst] == 53);
  CHECK(AsOvs(shorter)[flow::kNwProto] == 17);
  CHECK(AsOvs(shorter)[flow::kTpDst] == 0);  // Only four bytes of UDP are said to be there.
}

TEST_CASE("a TCP header longer than the frame has no ports for the kernel") {
  std::string frame = kMacs + "0800 45000028 00000000 40060000 " + kAddresses + "03e80035 00000000 00000000 f0120000 00000000";
  CHECK(AsKernel(frame)[flow::kTpDst] == 0);
  CHECK(AsOvs(frame)[flow::kTpDst] == 53);
  CHECK(AsOvs(frame)[flow::kTcpFlags] == 0x12);
}

TEST_CASE("OVS looks into IGMP, and at more of neighbour discovery") {
  std::string igmp = kMacs + "0800 4500001c 00000000 01020000 " + kAddresses + "16000000 e1000001";
  CHECK(AsKernel(igmp)[flow::kTpSrc] == 0);
  CHECK(AsOvs(igmp)[flow::kTpSrc] == 0x16);
  CHECK(AsOvs(igmp)[flow::kNdReserved] == 0xe1000001);
  std::string advert = kMacs + "86dd 60000000 00203aff " + kAddresses6 + "88000000 e0000000 " +
                       "fe800000000000000000000000000009 0201020000000009";
  CHECK(AsKernel(advert)[flow::kArpTha + 1] == 0x00000009);
  CHECK(AsKernel(advert)[flow::kNdReserved] == 0);
  CHECK(AsOvs(advert)[flow::kNdReserved] == 0xe0000000);
  CHECK(AsOvs(advert)[flow::kNdOptionsType] == 2);
  CHECK(AsOvs(advert)[flow::kNdTarget + 3] == 9);
  // The same option twice makes all of it void.
  std::string twice = kMacs + "86dd 60000000 00283aff " + kAddresses6 + "88000000 00000000 " +
                      "fe800000000000000000000000000009 0201020000000009 0201020000000008";
  for (View view : {View::kKernel, View::kUserspace}) {
    CHECK(Extract(twice, view)[flow::kNdTarget + 3] == 0);
    CHECK(Extract(twice, view)[flow::kTpSrc] == 136);
  }
}

TEST_CASE("IPv6 chains: later fragments, whole packets with a fragment header, chains that are cut off") {
  std::string later = kMacs + "86dd 60000000 00102c40 " + kAddresses6 + "11000009 00000001 03e80035 00080000";
  for (View view : {View::kKernel, View::kUserspace}) {
    CHECK(Extract(later, view)[flow::kNwProto] == 44);
    CHECK(Extract(later, view)[flow::kNwFrag] == 3);
    CHECK(Extract(later, view)[flow::kTpDst] == 0);
  }
  std::string whole = kMacs + "86dd 60000000 00102c40 " + kAddresses6 + "11000000 00000001 03e80035 00080000";
  CHECK(AsKernel(whole)[flow::kNwFrag] == 1);
  CHECK(AsOvs(whole)[flow::kNwFrag] == 0);
  CHECK(AsKernel(whole)[flow::kTpDst] == 53);
  CHECK(AsOvs(whole)[flow::kTpDst] == 53);
  // Hop-by-hop options of 64 bytes, of which 8 are there.
  std::string cut = kMacs + "86dd 60000000 00080040 " + kAddresses6 + "11070000 00000000";
  CHECK(AsKernel(cut)[flow::kNwProto] == 17);
  CHECK(AsKernel(cut)[flow::kNwTtl] == 64);
  CHECK(AsOvs(cut)[flow::kNwProto] == 0);
  CHECK(AsOvs(cut)[flow::kNwTtl] == 0);
  CHECK(AsOvs(cut)[flow::kIpv6Src] == 0xfe800000);
  CHECK(AsKernel(cut)[flow::kIpv6Exthdrs] == 64);
  CHECK(AsOvs(cut)[flow::kIpv6Exthdrs] == 0);
}

TEST_CASE("frames that end inside a tag or before their ethertype") {
  std::string tag = kMacs + "8100 2005";
  CHECK(AsKernel(tag)[flow::kVlanTpid] == 0x8100);
  CHECK(AsKernel(tag)[flow::kEthType] == 0);
  CHECK(AsOvs(tag)[flow::kVlanTpid] == 0);
  CHECK(AsOvs(tag)[flow::kEthType] == 0x8100);
  CHECK(AsOvs(kMacs)[flow::kEthDst] == 0);
  // 802.2: with SNAP the ethertype is in it, for OVS only in unnumbered information.
  CHECK(AsOvs(kMacs + "0008 aaaa03000000 0800 00")[flow::kEthType] == 0x800);
  CHECK(AsOvs(kMacs + "0008 aaaa04000000 0800 00")[flow::kEthType] == 0x5ff);
  CHECK(AsKernel(kMacs + "0008 aaaa04000000 0800 00")[flow::kEthType] == 0x800);
}

}  // namespace
}  // namespace slowpath

#include <errno.h>
#include <linux/openvswitch.h>

#include <cstring>

#include "datapath/server.h"

// The family ovs_meter.
namespace slowpath {
namespace {

using MeterAttributes = AttributeTable<OVS_METER_ATTR_PAD>;
using BandAttributes = AttributeTable<OVS_BAND_ATTR_STATS>;
constexpr uint16_t kFlag = MeterAttributes::kFlag;
constexpr uint16_t kLeast[OVS_METER_ATTR_PAD + 1] = {0, 4, kFlag, sizeof(ovs_flow_stats), 0, 8, kFlag, 4, 4, 0};
constexpr uint16_t kLeastBand[OVS_BAND_ATTR_STATS + 1] = {0, 4, 4, 4, sizeof(ovs_flow_stats)};

// struct ovs_flow_stats as its bytes.
std::span<const uint8_t> BytesOf(const ovs_flow_stats& statistics) {
  return {reinterpret_cast<const uint8_t*>(&statistics), sizeof statistics};
}

// The one band that a meter may have. 0 or -EINVAL, -ERANGE.
int ParseBand(std::span<const uint8_t> bands, Meter& meter) {
  AttributeReader reader(bands);
  Attribute band, second;
  if (!reader.Next(band)) return reader.malformed() ? -EINVAL : 0;
  if (reader.Next(second)) return -EINVAL;
  BandAttributes a;
  if (int error = a.Parse(band.payload, kLeastBand); error != 0) return error;
  if (!a.has(OVS_BAND_ATTR_TYPE) || !a.has(OVS_BAND_ATTR_RATE) || !a.has(OVS_BAND_ATTR_BURST)) return -EINVAL;
  meter.hasBand = true;
  meter.bandType = a.U32(OVS_BAND_ATTR_TYPE);
  meter.rate = a.U32(OVS_BAND_ATTR_RATE);
  meter.burst = a.U32(OVS_BAND_ATTR_BURST);
  // Full at first.
  meter.bucket = uint64_t{meter.burst} * 1000;
  return meter.rate != 0 ? 0 : -EINVAL;
}

}  // namespace

int Server::MeterRequest(const Request& request) {
  MeterAttributes a;
  if (int error = a.Parse(request.attributes, kLeast); error != 0) return Fail(error, "malformed attributes");
  bool features = request.command == OVS_METER_CMD_FEATURES;
  if (!features && !a.has(OVS_METER_ATTR_ID)) return Fail(-EINVAL, "meter without an id");
  uint32_t id = features ? 0 : a.U32(OVS_METER_ATTR_ID);
  Meter fresh;
  if (request.command == OVS_METER_CMD_SET) {
    if (!a.has(OVS_METER_ATTR_BANDS)) return Fail(-EINVAL, "meter without bands");
    if (int error = ParseBand(a[OVS_METER_ATTR_BANDS], fresh); error != 0) return Fail(error, "bad meter band");
    fresh.kbps = a.has(OVS_METER_ATTR_KBPS);
    fresh.keepStatistics = !a.has(OVS_METER_ATTR_CLEAR);
    fresh.usedMs = engine_.nowMs;
    if (fresh.keepStatistics && a.has(OVS_METER_ATTR_STATS)) {
      std::memcpy(&fresh.statistics, a[OVS_METER_ATTR_STATS].data(), sizeof fresh.statistics);
    }
  }
  Datapath* dp = FindDatapath(request.ifindex);
  if (dp == nullptr) return Fail(-ENODEV, "no such datapath");
  Meter* old = features ? nullptr : dp->meters.Find(id);
  if (request.command == OVS_METER_CMD_GET && old == nullptr) return Fail(-ENOENT, "no such meter");
  reply_.Truncate(0);
  PutHeaders(reply_, Head(request, request.command), dp->ifindex);
  if (features) PutMeterFeatures();
  if (request.command == OVS_METER_CMD_SET) PutU32(reply_, OVS_METER_ATTR_ID, id);
  if (old != nullptr && (request.command != OVS_METER_CMD_SET || old->keepStatistics)) PutMeter(id, *old);
  if (request.command == OVS_METER_CMD_DEL) dp->meters.Remove(id);
  if (request.command == OVS_METER_CMD_SET && !dp->meters.Set(id, fresh)) {
    reply_.Truncate(0);
    return Fail(-EFBIG, "too many meters");
  }
  FinishMessage(reply_, 0);
  SendReply();
  return 0;
}

void Server::PutMeterFeatures() {
  PutU32(reply_, OVS_METER_ATTR_MAX_METERS, MeterTable::kMaxMeters);
  PutU32(reply_, OVS_METER_ATTR_MAX_BANDS, 1);
  NestedAttribute bands(reply_, OVS_METER_ATTR_BANDS);
  NestedAttribute band(reply_, OVS_BAND_ATTR_UNSPEC);
  PutU32(reply_, OVS_BAND_ATTR_TYPE, OVS_METER_BAND_TYPE_DROP);
}

void Server::PutMeter(uint32_t id, const Meter& meter) {
  PutU32(reply_, OVS_METER_ATTR_ID, id);
  PutBytes(reply_, OVS_METER_ATTR_STATS, BytesOf(meter.statistics));
  if (uint8_t* p = PutAttribute(reply_, OVS_METER_ATTR_USED, 8)) StoreHost<uint64_t>(p, meter.usedMs);
  NestedAttribute bands(reply_, OVS_METER_ATTR_BANDS);
  if (!meter.hasBand) return;
  NestedAttribute band(reply_, OVS_BAND_ATTR_UNSPEC);
  PutBytes(reply_, OVS_BAND_ATTR_STATS, BytesOf(meter.bandStatistics));
}

}  // namespace slowpath

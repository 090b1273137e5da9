import { METER_ALL, METER_CONTROLLER, METER_SLOWPATH } from './constants.js';
import type { MeterBandSpec, MeterSpec } from './types.js';

const NAMES: Readonly<Record<number, string>> = {
  [METER_ALL]: 'all',
  [METER_CONTROLLER]: 'controller',
  [METER_SLOWPATH]: 'slowpath',
};

function formatBand(band: MeterBandSpec, burst: boolean): string {
  let text = `type=${band.type} rate=${band.rate}`;
  if (burst) text += ` burst_size=${band.burstSize}`;
  if (band.type === 'dscp_remark') text += ` prec_level=${band.precLevel}`;
  return text;
}

/** A meter as `ovs-ofctl dump-meters` prints it: a line for the meter, one for each band. */
export function formatMeter(meter: MeterSpec): string {
  const flags = [meter.unit, ...(meter.burst ? ['burst'] : []), ...(meter.stats ? ['stats'] : [])];
  const head = `meter=${NAMES[meter.meterId] ?? meter.meterId} ${flags.join(' ')} bands=`;
  return [head, ...meter.bands.map((band) => formatBand(band, meter.burst))].join('\n');
}

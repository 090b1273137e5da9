/**
 * A positive number as C's `%.Nf` prints it, which rounds to the nearest and, unlike toFixed, halfway cases to an even last digit: 2.25 is `2.2`.
 */
export function formatFixed(value: number, digits: number): string {
  const text = value.toFixed(digits);
  const [whole, decimals] = value.toFixed(100).split('.');
  const isHalfway = /^50*$/.test(decimals.slice(digits));
  if (!isHalfway || Number(text.at(-1)) % 2 === 0) return text;
  return digits === 0 ? whole : `${whole}.${decimals.slice(0, digits)}`;
}

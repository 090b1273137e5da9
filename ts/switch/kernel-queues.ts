/** skb_priority of a queue as the kernel's HTB and HFSC number their classes (OVS: dpif_netlink_queue_to_priority). */
export function kernelQueuePriority(queue: number): number {
  return queue >= 0 && queue < 0xf000 ? (1 << 16) | (queue + 1) : -1;
}

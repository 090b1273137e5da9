import { GROUP_ALL } from './constants.js';
import { BUCKET_ALL, BUCKET_FIRST, BUCKET_LAST, type GroupMod } from './parse-group.js';
import { TableError } from './table-errors.js';
import type { GroupBucketSpec, GroupSpec } from './types.js';

/**
 * The groups of one switch. Groups are immutable: a change puts a new object in the place of the old. As OVS, it does not look
 * for loops of groups; translation stops at its depth limit.
 */
export class GroupTable {
  private readonly groups = new Map<number, GroupSpec>();

  get(groupId: number): GroupSpec | undefined {
    return this.groups.get(groupId);
  }

  has(groupId: number): boolean {
    return this.groups.has(groupId);
  }

  get size(): number {
    return this.groups.size;
  }

  /** All groups, in the order they came in. */
  [Symbol.iterator](): IterableIterator<GroupSpec> {
    return this.groups.values();
  }

  /**
   * Applies a change. Returns the numbers of groups that are gone; the caller deletes the flows that send packets to them
   * (FlowModder.deleteByGroup). Throws TableError and changes nothing when OpenFlow does not allow it.
   */
  apply(mod: GroupMod): number[] {
    const { groupId } = mod.group;
    switch (mod.command) {
      case 'add':
        if (this.has(groupId))
          throw new TableError('OFPGMFC_GROUP_EXISTS', `group ${groupId} exists: modify or delete it`);
        this.groups.set(groupId, mod.group);
        return [];
      case 'add_or_modify':
        this.groups.set(groupId, mod.group);
        return [];
      case 'modify':
        this.require(groupId);
        this.groups.set(groupId, mod.group);
        return [];
      case 'delete':
        return this.delete(groupId);
      case 'insert_buckets':
        this.insert(mod);
        return [];
      case 'remove_buckets':
        this.remove(groupId, mod.commandBucketId);
        return [];
    }
  }

  private require(groupId: number): GroupSpec {
    const group = this.groups.get(groupId);
    if (group !== undefined) return group;
    throw new TableError('OFPGMFC_UNKNOWN_GROUP', `there is no group ${groupId}: add it first`);
  }

  private delete(groupId: number): number[] {
    const gone = groupId === GROUP_ALL ? [...this.groups.keys()] : this.has(groupId) ? [groupId] : [];
    for (const id of gone) this.groups.delete(id);
    return gone;
  }

  private insert({ group, commandBucketId }: GroupMod): void {
    const old = this.require(group.groupId);
    const taken = new Set(old.buckets.map((bucket) => bucket.bucketId));
    const twice = group.buckets.find((bucket) => taken.has(bucket.bucketId));
    if (twice !== undefined) {
      throw new TableError(
        'OFPGMFC_BUCKET_EXISTS',
        `group ${group.groupId} has a bucket ${twice.bucketId}: give the new one another bucket_id`,
      );
    }
    const at =
      commandBucketId === BUCKET_FIRST
        ? 0
        : commandBucketId === BUCKET_LAST
          ? old.buckets.length
          : this.find(old, commandBucketId) + 1;
    const buckets = [...old.buckets.slice(0, at), ...group.buckets, ...old.buckets.slice(at)];
    this.replace(old, buckets);
  }

  private remove(groupId: number, bucketId: number): void {
    const old = this.require(groupId);
    if (bucketId === BUCKET_ALL) this.replace(old, []);
    else if (bucketId === BUCKET_FIRST) this.replace(old, old.buckets.slice(1));
    else if (bucketId === BUCKET_LAST) this.replace(old, old.buckets.slice(0, -1));
    else {
      const at = this.find(old, bucketId);
      this.replace(old, [...old.buckets.slice(0, at), ...old.buckets.slice(at + 1)]);
    }
  }

  private find(group: GroupSpec, bucketId: number): number {
    const at = group.buckets.findIndex((bucket) => bucket.bucketId === bucketId);
    if (at >= 0) return at;
    throw new TableError('OFPGMFC_UNKNOWN_BUCKET', `group ${group.groupId} has no bucket ${bucketId}`);
  }

  private replace(old: GroupSpec, buckets: readonly GroupBucketSpec[]): void {
    if (old.type === 'indirect' && buckets.length !== 1) {
      throw new TableError(
        'OFPGMFC_INVALID_GROUP',
        `group ${old.groupId} is indirect: it has exactly one bucket`,
      );
    }
    this.groups.set(old.groupId, { ...old, buckets });
  }
}

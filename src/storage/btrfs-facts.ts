/** What tells btrfs and its subvolumes from others. */

/** statfs(2), BTRFS_SUPER_MAGIC. */
export const BTRFS_MAGIC = 0x9123683e;
/** The root of every subvolume has this inode number (btrfs(5), BTRFS_FIRST_FREE_OBJECTID). */
export const SUBVOLUME_INODE = 256;

# One file system for each storage, in files, with the images in them. Made once; a lab gets copies.
# shellcheck shell=bash disable=SC2154
# shellcheck source=images.sh
. "$project/lab/images.sh"

fixture_size=8G
fixture_kinds=(btrfs xfs ext4)

make_fixtures() {
  local images kind
  images=$(cached "images-$(sha256sum <"$project/lab/images.sh" | cut -c1-12)" make_image_set)
  for kind in "${fixture_kinds[@]}"; do
    say "Filling a file system of kind $kind (once)."
    truncate -s "$fixture_size" "$1/$kind.img"
    case $kind in
      xfs) mkfs.xfs -q -m reflink=1 "$1/$kind.img" ;;
      *) "mkfs.$kind" -q "$1/$kind.img" ;;
    esac
    # In a mount namespace of its own: the mount goes with it, whatever happens.
    # shellcheck disable=SC2016
    unshare --mount bash -euc '
      mount -o loop "$2" /mnt
      mkdir /mnt/root
      for image in "$3"/*; do
        name=${image##*/}
        if [ "$1" = btrfs ]; then btrfs -q subvolume create "/mnt/root/$name"; else mkdir "/mnt/root/$name"; fi
        cp -a "$image/." "/mnt/root/$name"
      done
      # A root directory of its own for storage "tmpfs", whose lower layer may be anywhere.
      [ "$1" != ext4 ] || cp -al /mnt/root /mnt/root2
      umount /mnt
    ' fill "$kind" "$1/$kind.img" "$images"
  done
}

lab_fixtures() {
  local key
  key=$(cat "$project/lab/images.sh" "$project/lab/fixtures.sh" | sha256sum | cut -c1-12)
  cached "fixtures-$key" make_fixtures
}

# A copy of a file system needs a name of its own: the kernel refuses, or confuses, two of one UUID.
rename_copy() {
  local said
  case $1 in
    btrfs) said=$(btrfstune -m "$2" 2>&1) || die "Cannot rename the copy of btrfs: $said" ;;
    xfs) xfs_admin -U generate "$2" >/dev/null ;;
    ext4) ;;
  esac
}

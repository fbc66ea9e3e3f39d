# Makes a tree that is hard to delete: perl hostile.pl KIND DIRECTORY
use strict; use warnings;
my ($kind, $top) = @ARGV;
mkdir $top or die "$top: $!"; chdir $top or die;
# linux/btrfs.h: BTRFS_IOC_SUBVOL_CREATE, BTRFS_IOC_SUBVOL_SETFLAGS with BTRFS_SUBVOL_RDONLY.
sub subvolume { sysopen(my $d, '.', 0) or die; ioctl($d, 0x5000940E, pack('qa4088', 0, $_[0])) or die "subvolume: $!"; }
sub protect { sysopen(my $d, $_[0], 0) or die; my $flags = pack('Q', 2 + 0 * $$); ioctl($d, 0x4008941A, $flags) or die "protect: $!"; }
sub enter { chdir $_[0] or die "$_[0]: $!"; }
sub note { open(my $f, '>', $_[0]) or die "$_[0]: $!"; print $f 'x'; }
my $count = $ENV{COUNT} // 2000;
if ($kind eq 'deep') { for (1 .. 30000) { mkdir 'd' or die; enter('d'); } note('bottom'); }
elsif ($kind eq 'names') {
  for my $name ("-rf", "a\nb", " ", "\xff\xfe", "*", '$(reboot)', "x" x 255, "{}", ";") {
    mkdir $name or die; note("$name/-i"); note("$name/\xe9\n"); symlink('/', "$name/link") or die;
  }
}
elsif ($kind eq 'subvolumes') { for my $i (1 .. $count) { subvolume("s$i"); } for (1 .. 50) { subvolume('same'); enter('same'); } note('file'); }
elsif ($kind eq 'named-subvolumes') {
  for my $name ("-rf", "a\nb", "\xff\xfe", "{}", "x" x 255) { subvolume($name); note("$name/file"); mkdir "$name/d" or die; enter("$name/d"); subvolume($name); protect($name); enter("../.."); protect($name); }
}
elsif ($kind eq 'chain') {
  for (1 .. 3) { subvolume('outer'); enter('outer'); for (1 .. 300) { mkdir 'd' x 40; enter('d' x 40); } subvolume('inner'); note('inner/file'); protect('inner'); }
}
else { die $kind }

# Exchanges two entries, over and over, until it is killed: perl swap.pl ONE OTHER
use strict; use warnings;
my ($one, $other) = @ARGV;
my ($at_fdcwd, $rename_exchange) = (-100, 2); # linux/fcntl.h, linux/fs.h
my $renameat2 = `uname -m` =~ /x86_64/ ? 316 : 276; # asm/unistd.h
while (1) { syscall($renameat2, $at_fdcwd, $one, $at_fdcwd, $other, $rename_exchange) == 0 or die "$!"; }

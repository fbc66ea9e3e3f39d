#!/bin/sh
# Makes the firewall's table again as soon as somebody removes it, while there are machines with a network
# of their own:  PAIRS-DIRECTORY FAMILY TABLE DRIVER...
# A shell and nft, which sleep until the kernel tells of a change (nft(8), "monitor").

pairs=$1 removed="delete table $2 $3"
shift 3

while [ -n "$(ls -A "$pairs" 2>/dev/null)" ]; do
  # Also what nobody has heard of: between two rounds, or when the kernel had more to tell than fits.
  "$@" internal-restore-firewall
  timeout 50 nft monitor tables | while IFS= read -r line; do
    case $line in "$removed"*) "$@" internal-restore-firewall ;; esac
  done
  # Should nft end at once, this is no busy loop.
  sleep 1
done

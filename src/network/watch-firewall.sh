#!/bin/sh
# While there are machines with a network of their own, makes the firewall's table again as soon as somebody
# removes it, and follows the names that machines may reach:  PAIRS-DIRECTORY RULES-DIRECTORY FAMILY TABLE DRIVER...
# A shell and nft, which sleep until the kernel tells of a change (nft(8), "monitor").

pairs=$1 rules=$2 removed="delete table $3 $4"
shift 4

holds() { [ -n "$(ls -A "$1" 2>/dev/null)" ]; }

while holds "$pairs"; do
  # Also what nobody has heard of: between two rounds, or when the kernel had more to tell than fits.
  "$@" internal-restore-firewall
  ! holds "$rules" || "$@" internal-follow-names
  timeout 20 nft monitor tables | while IFS= read -r line; do
    case $line in "$removed"*) "$@" internal-restore-firewall ;; esac
  done
  # Should nft end at once, this is no busy loop.
  sleep 1
done

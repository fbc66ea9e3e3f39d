#!/bin/sh -eu
mkdir -p "out-$1"
echo "CONFIG_$1=y" > "out-$1/a.config"

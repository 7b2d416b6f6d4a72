#!/bin/sh
# without_a_driver.sh PROGRAM: --device auto falls back to the CPU, --device cuda never does. Skipped (77) with a GPU.
"$1" info --device auto | grep -q '^device *cuda' && { echo "this machine has a GPU"; exit 77; }
"$1" info --device auto | grep -q '^device *cpu' || { echo "auto is not the CPU"; exit 1; }
"$1" info --device auto | grep -q '^backends *cpu, cuda' || { echo "not built with CUDA"; exit 1; }
for device in cuda cuda:0 cuda:7; do
    message=$("$1" info --device $device 2>&1)
    status=$?
    echo "$message"
    if [ $status -ne 2 ] || [ "$(printf '%s\n' "$message" | wc -l)" -ne 1 ]; then
        echo "$device: exit code $status"
        exit 1
    fi
done

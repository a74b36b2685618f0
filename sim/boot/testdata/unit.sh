#!/bin/sh
# What systemd thinks of the unit that this step comes from.
systemctl show jobbox -p ActiveState -p SubState -p StatusText -p Result

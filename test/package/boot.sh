#!/bin/sh
# Boots the bare system below a folder, and tells by a line when it is up. To be started in namespaces of its own. Words: an
# empty folder; that of the system; one of packages, which is seen as /packages.
set -e
. "${0%/*}/../service/systemd/copy.sh"
enter_copy "$2" "$1"
mkdir -p packages
mount --bind "$3" packages
mount -o remount,bind,ro packages
mkfifo run/up
cat > etc/systemd/system/up.service <<END
[Unit]
Wants=systemd-journald.service
After=systemd-journald.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'echo up > /run/up'
END
head -n 1 run/up &
boot up.service

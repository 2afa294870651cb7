#!/bin/sh
# Boots systemd over a copy of this machine, in which datapathd is installed from a checkout, and runs a script there. To be
# started in namespaces of its own. Words: an empty folder, which gets the output as `log`; the checkout; node; the script.
set -e
folder=$1 project=$2 node=$3 script=$4
log=$folder/log
: > "$log"
mkdir "$folder/copy"
mount -t tmpfs tmpfs "$folder/copy"
cd "$folder/copy"
mkdir changes work root
mount -t overlay overlay -o lowerdir=/,upperdir=changes,workdir=work root
cd root
# The kernel's settings and devices are the machine's own: nothing of them is changed. systemd starts neither
# systemd-sysctl nor udev where they can't be written.
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
mount -t tmpfs tmpfs dev
mkdir dev/shm dev/pts dev/mqueue dev/hugepages
mount -t devpts devpts dev/pts
ln -s pts/ptmx dev/ptmx
for device in null zero full random urandom tty; do cp -a "/dev/$device" dev/; done
# Where they lie may be hidden there, or from the service: below /tmp, in a home.
mkdir -p opt/datapathd opt/node ./test
mount --rbind "$project" opt/datapathd
mount --rbind "$(dirname "$node")" opt/node
mount --bind "$folder" ./test

units=etc/systemd/system
rm -rf "$units"
mkdir -p "$units"
for other in modules-load random-seed tmpfiles-setup-dev udevd udev-trigger sysctl binfmt hwdb-update; do
  ln -s /dev/null "$units/systemd-$other.service"
done
cp "$project"/systemd/datapathd.service "$project"/systemd/datapathd.socket "$units"
printf '#!/bin/sh\nexec /opt/node/%s /opt/datapathd/src/main.ts "$@"\n' "${node##*/}" > usr/bin/datapathd
chmod 755 usr/bin/datapathd
cat > "$units/script.service" <<END
[Unit]
Wants=systemd-journald.service
After=systemd-journald.service
FailureAction=poweroff-force
SuccessAction=poweroff-force
[Service]
Type=oneshot
Environment=PROJECT=/opt/datapathd
ExecStart=/bin/sh -e $script
StandardOutput=file:/test/log
StandardError=file:/test/log
END
export container=test
exec chroot . /usr/lib/systemd/systemd --system --unit=script.service --log-target=null

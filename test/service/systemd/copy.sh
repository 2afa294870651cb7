# Words for scripts that boot a systemd in namespaces of their own.

# Goes into a copy of the files below $1, made in $2/copy, with what a kernel has below the root.
enter_copy() {
	mkdir "$2/copy"
	mount -t tmpfs tmpfs "$2/copy"
	cd "$2/copy"
	mkdir changes work root
	mount -t overlay overlay -o "lowerdir=$1,upperdir=changes,workdir=work" root
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
}

# Boots the unit $1, with those units of the system that would touch the machine left out.
boot() {
	for other in modules-load random-seed tmpfiles-setup-dev udevd udev-trigger sysctl binfmt hwdb-update; do
		ln -s /dev/null "etc/systemd/system/systemd-$other.service"
	done
	# As on a host: what is mounted outside of a service is there inside, its credentials among it.
	mount --make-rshared .
	export container=test
	exec chroot . /usr/lib/systemd/systemd --system --unit="$1" --log-target=null
}

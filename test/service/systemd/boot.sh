#!/bin/sh
# Boots systemd over a copy of this machine, in which datapathd is installed from a checkout, and runs a script there. To be
# started in namespaces of its own. Words: an empty folder, which gets the output as `log`; the checkout; node; the script.
set -e
folder=$1 project=$2 node=$3 script=$4
log=$folder/log
: > "$log"
. "${0%/*}/copy.sh"
enter_copy / "$folder"
# Where they lie may be hidden there, or from the service: below /tmp, in a home.
mkdir -p opt/datapathd opt/node ./test
mount --rbind "$project" opt/datapathd
mount --rbind "$(dirname "$node")" opt/node
mount --bind "$folder" ./test

units=etc/systemd/system
rm -rf "$units"
mkdir -p "$units"
cp "$project"/systemd/datapathd.service "$project"/systemd/datapathd.socket "$units"
for program in datapathd:main.ts datapathctl:cli/main.ts; do
  name=usr/bin/${program%:*}
  printf '#!/bin/sh\nexec /opt/node/%s /opt/datapathd/src/%s "$@"\n' "${node##*/}" "${program#*:}" > "$name"
  chmod 755 "$name"
done
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
boot script.service

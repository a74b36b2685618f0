#!/bin/sh
# The demo: a simulated cloud and a device on this machine, with real TLS, real
# processes and two jobs between them. Its exit status says whether both jobs
# succeeded. The arguments are the directories of jobbox and jobsim, and of the
# documents, handlers and packages; everything else happens in a directory of
# its own, and nothing is left running.
set -eu
cd "$(dirname "$0")/.."
bin=$(cd "${1:-bin}" && pwd)
demo=${2:-demo}
dir=$(mktemp -d "${TMPDIR:-/tmp}/jobbox-demo.XXXXXX")
thing="demo-device"
cloud=$dir/cloud
device=$cloud/things/$thing
pids=

title() { printf '\n== %s\n' "$*"; }

fail() {
	echo "demo: $*" >&2
	exit 1
}

# The runner outlives the agent and would end by itself some seconds later.
runner_pid() {
	pid=$(sed -n 's/.*"pid": *\([0-9]*\).*/\1/p' "$device/run/runner.json" 2>/dev/null)
	if [ -n "$pid" ] && grep -q jobbox-runner "/proc/$pid/cmdline" 2>/dev/null; then
		echo "$pid"
	fi
}

clean_up() {
	status=$?
	trap - EXIT
	runner=$(runner_pid)
	for pid in $pids $runner; do
		kill "$pid" 2>/dev/null || true
	done
	wait
	# No child of ours: wait cannot wait for it.
	while [ -n "$runner" ] && kill -0 "$runner" 2>/dev/null; do
		sleep 0.1
	done
	if [ "$status" = 0 ]; then
		rm -rf "$dir"
	else
		echo "demo: failed; logs are in $dir" >&2
	fi
	exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# until_true WHAT PID COMMAND...: waits half a minute for COMMAND to succeed, as
# long as process PID is there.
until_true() {
	what=$1
	pid=$2
	shift 2
	tries=300
	until "$@" >/dev/null 2>&1; do
		kill -0 "$pid" 2>/dev/null || fail "$what ended early: $(tail -n 5 "$dir"/*.log)"
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || fail "$what is not there after half a minute: $(tail -n 5 "$dir"/*.log)"
		sleep 0.1
	done
}

# A web server for the file that the job downloads, on the first free port.
serve_file() {
	mkdir "$dir/www"
	cp CHANGELOG.md "$dir/www/release-notes.txt"
	port=$((20000 + $$ % 20000))
	while :; do
		busybox httpd -f -p "127.0.0.1:$port" -h "$dir/www" 2>>"$dir/httpd.log" &
		httpd=$!
		tries=50
		until busybox wget -q -O /dev/null "http://127.0.0.1:$port/release-notes.txt" 2>/dev/null; do
			tries=$((tries - 1))
			if [ "$tries" = 0 ] || ! kill -0 "$httpd" 2>/dev/null; then
				break
			fi
			sleep 0.1
		done
		if kill -0 "$httpd" 2>/dev/null; then
			break
		fi
		port=$((port + 1))
	done
	pids="$pids $httpd"
	url=http://127.0.0.1:$port
}

# start_cloud makes the authority, the certificates and the device's
# configuration, and starts the simulated AWS IoT on free ports.
start_cloud() {
	"$bin/jobsim" init "$cloud" --thing "$thing" --mqtt-port 0 --alpn-port 0 --rest-port 0 >/dev/null
	"$bin/jobsim" serve "$cloud" >"$dir/jobsim.log" 2>&1 &
	pids="$pids $!"
	until_true "the simulated cloud" $! grep -q '^jobsim: ready' "$dir/jobsim.log"
	rest=$(sed -n 's|.*\(http://127.0.0.1:[0-9]*\)$|\1|p' "$dir/jobsim.log" | head -n 1)
}

# start_device puts the demo's handlers where the device looks for them (0700,
# as they must be) and starts the agent.
start_device() {
	install -m 0700 "$demo"/handlers/*.sh "$device/jobs/"
	cp -R "$demo/packages" "$device/packages"
	"$bin/jobbox" check --config-file "$device/jobbox.conf"
	"$bin/jobbox" agent --config-file "$device/jobbox.conf" >"$dir/agent.log" 2>&1 &
	agent=$!
	pids="$pids $agent"
	until_true "the agent's connection" "$agent" grep -q 'mqtt: connected' "$dir/agent.log"
}

# job ID DOCUMENT: runs a document, as its author wrote it but for the
# words that stand for this machine.
job() {
	title "job $1: $demo/$2"
	sed -e "s|@USER@|$(id -un)|g" -e "s|@URL@|$url|g" -e "s|@DIR@|$dir|g" "$demo/$2" >"$dir/$2"
	cat "$dir/$2"
	echo
	"$bin/jobsim" run-job "$cloud" "$dir/$2" --thing "$thing" --job-id "$1" --timeout 60s
}

# operator ID: what a person asks the cloud afterwards, with the AWS CLI where
# there is one.
operator() {
	command -v /usr/bin/aws >/dev/null || return 0
	title "what the AWS CLI says of $1"
	echo "\$ aws --endpoint-url $rest iot describe-job-execution --job-id $1 --thing-name $thing"
	AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any AWS_DEFAULT_REGION=us-west-2 AWS_PAGER='' \
		/usr/bin/aws --endpoint-url "$rest" iot describe-job-execution --job-id "$1" --thing-name "$thing"
}

title "a cloud and a device, in $dir"
serve_file
start_cloud
start_device

job install-download-remove install-download-remove.json
operator install-download-remove
cmp "$dir/Downloaded_File.txt" "$dir/www/release-notes.txt" || fail "the downloaded file differs"
[ ! -e "$device/root/bin/wget" ] || fail "the package was not removed"

job hello hello-old-schema.json
operator hello

title "the agent's log"
cat "$dir/agent.log"

title "both jobs SUCCEEDED"

#!/bin/sh
# Stops the small platform's daemon, or says whether it runs: `service.sh stop|status PIDFILE`. In shell, for it is
# asked often. The pid file holds the daemon's number and the time of its start, so that no other is taken for it.

runs() {
    [ -r "$pid_file" ] && read -r pid began < "$pid_file" && [ -r "/proc/$pid/stat" ] || return 1
    # The second field is the program's name in parentheses, which may hold spaces.
    fields=$(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null) || return 1
    set -- $fields
    [ "$1" != Z ] && [ "$1" != X ] && [ "${20}" = "$began" ]
}

pid_file=$2
case $1 in
status)
    runs || exit 3
    ;;
stop)
    runs || exit 0
    kill -TERM "$pid"
    for _ in $(seq 200); do
        runs || exit 0
        sleep 0.02
    done
    echo "le service ne s'arrête pas"
    exit 1
    ;;
esac

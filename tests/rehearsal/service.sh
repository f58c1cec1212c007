#!/bin/sh
# The portal's three commands: `service.sh start|stop|status FOLDER PORT PYTHON`.
pid="$2/run/pid"
runs() { [ -r "$pid" ] && kill -0 "$(cat "$pid")" 2>/dev/null; }
case $1 in
start)
    runs && exit 0
    cd "$2/platform/current" || exit 1
    setsid "$4" -B portal.py "$3" "$2/data/portal.sqlite" >>"$2/run/log" 2>&1 </dev/null &
    echo $! >"$pid"
    ;;
stop)
    runs && kill "$(cat "$pid")"
    while runs; do sleep 0.02; done
    rm -f "$pid"
    ;;
status) runs || exit 3 ;;
esac

# Sourced by the bash tasks of the kill test: work NAME MILLISECONDS CODE,CODE... (a code per try, the last for all that follow).
# The journal's lock is inherited by everything that the task leaves behind: a second attempt that finds it taken was
# started while the first one lived.
work() {
    local name=$1 ms=$2 codes=(${3//,/ }) try=$AIRFLOW_CTX_TRY_NUMBER up code
    exec 9>>"$JOURNALS/$name"
    flock -n 9 || echo "overlap $TRADEWIND_ATTEMPT" >&9
    read -r up _ </proc/uptime
    echo "start $TRADEWIND_ATTEMPT $try $$ $up" >&9
    sync -d "$JOURNALS/$name"
    if [ $((ms % 5)) = 0 ]; then
        (setsid sleep 60 &) >/dev/null 2>&1
    fi
    sleep "$((ms / 1000)).$(printf %03d $((ms % 1000)))"
    code=${codes[try - 1]:-${codes[-1]}}
    read -r up _ </proc/uptime
    echo "end $TRADEWIND_ATTEMPT $code $up" >&9
    sync -d "$JOURNALS/$name"
    exit "$code"
}

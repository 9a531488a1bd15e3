# Functions of .ci/run: named steps, each with a time limit, and counts of what passed and failed. .ci/run sources this file
# and has set $deadline by then.
export FORCE_COLOR=0
logs=$(mktemp -d)
log=$logs/step
export logs
trap 'rm -rf "$logs"' EXIT
passed=0
failed=0
failures=()

# Prints the failed tests of the log if there are any, else the end of the log.
excerpt() {
  grep -q -E '^ *[0-9]+ failing' "$log" && sed -nE '/^ *[0-9]+ failing/,$p' "$log" | head -n 200 || tail -n 100 "$log"
}

# The seconds that a step may take: those given, or those that are left.
bounded() {
  [ $((deadline - SECONDS)) -gt "$1" ] && echo "$1" || echo $((deadline > SECONDS ? deadline - SECONDS : 1))
}

# run_for <seconds> <log> <command...>
run_for() {
  local limit=$1 output=$2
  shift 2
  timeout --kill-after=10 "$limit" bash -uo pipefail -c '"$@"' step "$@" >"$output" 2>&1 </dev/null
}

# report <status> <name> <start> <limit>: counts a step that has ended, with its output in $log.
report() {
  local status=$1 name=$2 seconds=$((SECONDS - $3)) limit=$4
  if [ "$status" -eq 0 ]; then
    passed=$((passed + 1))
    printf 'ok      %-36s %4d s\n' "$name" "$seconds"
    return
  fi
  failed=$((failed + 1))
  failures+=("$name")
  printf 'FAILED  %-36s %4d s\n' "$name" "$seconds"
  [ "$status" -ne 124 ] || printf '        stopped: it may take %d s\n' "$limit"
  excerpt | sed 's/^/        /'
}

# step <name> <seconds> <command...>: runs the command and all that it starts for at most so many seconds. Shows its output if
# it fails.
step() {
  local name=$1 limit start=$SECONDS
  limit=$(bounded "$2")
  shift 2
  log=$logs/step
  run_for "$limit" "$log" "$@"
  report $? "$name" "$start" "$limit"
}

# begin <name> <seconds> <command...>: begins a step that runs beside those that follow. `await` waits for it and reports it.
begin() {
  beside_name=$1 beside_start=$SECONDS beside_limit=$(bounded "$2")
  shift 2
  run_for "$beside_limit" "$logs/beside" "$@" &
  beside=$!
}
await() {
  wait "$beside"
  local status=$?
  log=$logs/beside
  report "$status" "$beside_name" "$beside_start" "$beside_limit"
}

# Shows the lines of the last step's output that match, whether the step passed or not.
show() {
  grep -E "$1" "$log" | sed 's/^/        /'
}

# Counts each test of the last step, in addition to the step itself.
count_tests() {
  passed=$((passed + $(counted passing)))
  failed=$((failed + $(counted failing)))
}

counted() {
  sed -nE "s/^ *([0-9]+) $1.*/\1/p" "$log" | tail -n 1 | grep . || echo 0
}

# Prints the summary; fails if any step failed.
finish() {
  [ ${#failures[@]} -eq 0 ] || printf 'failed: %s\n' "${failures[@]}"
  printf "all in %d s\n" "$SECONDS"
  echo "$passed passed, $failed failed"
  [ "$failed" -eq 0 ]
}

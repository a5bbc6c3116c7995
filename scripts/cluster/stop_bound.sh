# Sourced by the scripts that write a job for a scheduler: in how many seconds a run that is told to stop ends.

duration() { # whole seconds of 90s, 30m, 1h30m, 240; nothing where it is none
  awk -v said="${1//[[:space:]]/}" 'BEGIN {
    if (said ~ /^[0-9.]+$/) said = said "s"
    while (match(said, /^[0-9.]+[a-z]+/)) {
      part = substr(said, 1, RLENGTH); said = substr(said, RLENGTH + 1)
      unit = part; gsub(/[0-9.]/, "", unit); unit = substr(unit, 1, 1)
      total += part * (unit == "d" ? 86400 : unit == "h" ? 3600 : unit == "m" ? 60 : 1)
    }
    if (said == "" && total > 0) printf "%d", total + 0.999
  }'
}

said_bound() { # cluster.stop_within as the override or the recipe file says it; nothing where neither does
  local said='' word
  [[ -f "$1" ]] && said=$(sed -n "s/^[^#]*stop_within: *[\"']\{0,1\}\([^\"'#,}]*\).*/\1/p" "$1" | tail -n 1)
  for word in "${@:2}"; do
    [[ $word == cluster.stop_within=* ]] && said=${word#*=}
  done
  [[ "$said" =~ ^(null|~)?[[:space:]]*$ ]] || printf '%s' "$said"
}

planned_bound() { # run folder, recipe, changes: as the run itself finds it, from its steps or its plan
  local seconds
  if seconds=$(openqwq plan "${@:2}" --stop-within "$1" 2>/dev/null) && [[ "$seconds" =~ ^[1-9][0-9]*$ ]]; then
    printf '%s' "$seconds"
  else
    echo "$(basename "$0"): \`openqwq plan ${*:2}\` does not answer here, so cluster.stop_within is 240 s; say it if steps are longer" >&2
    printf 240
  fi
}

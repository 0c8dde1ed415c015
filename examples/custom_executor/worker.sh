#!/bin/sh
# The other side of the `spool` executor: ./worker.sh FOLDER counts the lines of the file that each job names.
# A request is claimed by a hard link, which only one worker can make; a result is written aside and renamed.
folder=${1:?usage: worker.sh FOLDER}
mkdir -p "$folder"
finish() { printf '%s\n' "$2" >"$1.result.part" && mv "$1.result.part" "$1.result"; }
while :; do
  for request in "$folder"/*.request; do
    work=${request%.request}
    ln "$request" "$work.claim" 2>/dev/null || continue
    input=$(sed -n 's/.*"input":"\([^"]*\)".*/\1/p' "$work.claim")
    if [ -e "$work.cancel" ]; then
      finish "$work" '{"ok":false,"cancelled":true}'
    elif lines=$(wc -l <"$input"); then
      echo "$input has $((lines)) lines" >"$work.log"
      finish "$work" "{\"ok\":true,\"output\":{\"lines\":$((lines))}}"
    else
      finish "$work" "{\"ok\":false,\"message\":\"cannot read $input\"}"
    fi
  done
  sleep 0.2
done

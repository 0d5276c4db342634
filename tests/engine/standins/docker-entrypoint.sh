#!/bin/sh
# Stand-in for docker-library/mongo's entrypoint. fact: mongo-docker-db 2.1
set -e
case "${1:-}" in
  -*) set -- mongod "$@" ;; # fact: a first word that begins with - is an option of mongod
esac
case "${1:-}" in
  mongo*)
    # fact: started as root it gives its two data folders to uid 999 and changes over to it; other paths are not touched
    if [ "$(id -u)" = 0 ]; then
      find -L /data/configdb /data/db ! -user mongodb -exec chown mongodb {} +
      exec su -s /bin/sh -c 'exec "$0" "$@"' -- mongodb "$0" "$@"
    fi
    # fact: first boot with both root variables makes the user in a temporary mongod without --keyFile and --replSet
    if [ -n "${MONGO_INITDB_ROOT_USERNAME:-}" ] && [ -n "${MONGO_INITDB_ROOT_PASSWORD:-}" ] && [ ! -e /data/db/WiredTiger ]; then
      : >/data/db/WiredTiger
      echo
      echo 'MongoDB init process complete; ready for start up.'
      echo
    elif [ -n "${MONGO_INITDB_ROOT_USERNAME:-}${MONGO_INITDB_ROOT_PASSWORD:-}" ] && [ ! -e /data/db/WiredTiger ]; then
      echo "error: missing 'MONGO_INITDB_ROOT_USERNAME' or 'MONGO_INITDB_ROOT_PASSWORD'" >&2
      exit 1
    fi
    set -- "$@" --bind_ip_all # fact: appended unless a bind option is present
    ;;
esac
exec "$@"

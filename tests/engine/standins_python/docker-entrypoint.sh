#!/bin/sh
# Stand-in for docker-library/mongo's entrypoint; the temporary mongod of the first boot is in mongod itself here.
# fact: mongo-docker-db 2.1
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
    set -- "$@" --bind_ip_all # fact: appended unless a bind option is present
    ;;
esac
exec "$@"

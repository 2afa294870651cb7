#!/bin/sh
# A datapath plugin for datapathd, for URIs of the scheme @NAME@.
#
# Every method is a link to this program, which looks at its own name. @NAME@:///a/path is a raw file. Change it to what
# makes your data ready for a domain. Every method may be called again: then it does nothing more, and does not fail.
set -eu

params=$(cat)

# The text of a field of params as it stands in the JSON, its escapes too: so it can be printed as it is.
field() {
    printf '%s' "$params" | sed -nE 's/.*"'"$1"'"[[:space:]]*:[[:space:]]*"(([^"\\]|\\.)*)".*/\1/p'
}

# fail CODE PARAM: tells the caller of an error.
fail() {
    printf '{"code":"%s","params":["%s"],"backtrace":""}\n' "$1" "$2"
    exit 1
}

path_of_uri() {
    uri=$(field uri)
    path=${uri#*://}
    path=/${path#*/}
    case $path in
        *[%\\\"]*) fail BAD_URI 'this program reads no escapes in a path' ;;
    esac
    [ -f "$path" ] || fail Volume_does_not_exist "$path"
}

case $(basename "$0") in
    Plugin.Query)
        cat <<'EOF'
{
  "plugin": "@NAME@",
  "name": "@NAME@",
  "description": "Raw files",
  "vendor": "unknown",
  "copyright": "unknown",
  "version": "0.1",
  "required_api_version": "5.0",
  "features": [],
  "configuration": {},
  "required_cluster_stack": []
}
EOF
        ;;
    Datapath.attach)
        # Make the data ready, and tell how it is reached: by each way that there is, the best first.
        path_of_uri
        printf '{"implementations":[["XenDisk",{"backend_type":"qdisk","params":"raw:%s","extra":{}}],["File",{"path":"%s"}]]}\n' \
            "$path" "$path"
        ;;
    Datapath.activate | Datapath.deactivate)
        # The domain begins, or has stopped, to read and write. It is in the downtime of a migration: be fast.
        echo null
        ;;
    Datapath.detach)
        # Give up what attach made ready. It must not fail, the data being gone or not.
        echo null
        ;;
    Datapath.open | Datapath.close)
        # The disk is about to be used; it is not used any more.
        echo null
        ;;
    *)
        fail Unimplemented "$(basename "$0")"
        ;;
esac

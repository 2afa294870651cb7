#!/bin/sh
# A volume plugin for datapathd: @NAME@.
#
# Every method is a link to this program, which looks at its own name. An SR is a directory, and a volume is a sparse file
# <key>.raw in it, with its properties in the folder <key>.d. Change it to what your storage is.
#
# Texts are kept as they stand in the JSON that comes, their escapes too: so they can be printed as they are.
set -eu

# The scheme of the URIs of volumes: a datapath plugin must serve it.
scheme=raw+file

params=$(cat)

# The text of a field of params, as it stands there.
field() {
    printf '%s' "$params" | sed -nE 's/.*"'"$1"'"[[:space:]]*:[[:space:]]*"(([^"\\]|\\.)*)".*/\1/p'
}

# A field of params that is a number, true or false.
word() {
    printf '%s' "$params" | sed -nE 's/.*"'"$1"'"[[:space:]]*:[[:space:]]*([0-9a-z-]+).*/\1/p'
}

# fail CODE PARAM: tells the caller of an error.
fail() {
    printf '{"code":"%s","params":["%s"],"backtrace":""}\n' "$1" "$2"
    exit 1
}

# A path that comes from outside: this program does not read the escapes of JSON.
plain() {
    case $1 in
        '') fail MISSING_CONFIGURATION 'device_config has no directory' ;;
        *\\*) fail BAD_PATH 'a path holds a character that is escaped in JSON' ;;
    esac
}

# put FILE TEXT: writes the whole file or nothing of it.
put() {
    printf '%s' "$2" >"$1.new"
    mv "$1.new" "$1"
}

# A key comes from outside: it must not lead out of the directory.
find_volume() {
    sr=$(field sr)
    key=$(field key)
    case $key in
        '' | .* | */* | *\\*) fail Volume_does_not_exist "$key" ;;
    esac
    [ -f "$sr/$key.raw" ] || fail Volume_does_not_exist "$key"
}

print_keys() {
    separator=''
    printf '{'
    for file in "$sr/$1.d/keys"/*; do
        [ -f "$file" ] || continue
        printf '%s"%s":"%s"' "$separator" "$(cat "$file" | head -n 1)" "$(tail -n 1 "$file")"
        separator=,
    done
    printf '}'
}

# print_volume KEY
print_volume() {
    size=$(stat -c %s "$sr/$1.raw")
    blocks=$(stat -c %b "$sr/$1.raw")
    printf '{"key":"%s","uuid":"%s","name":"%s","description":"%s","read_write":%s,"sharable":%s,' \
        "$1" "$1" "$(cat "$sr/$1.d/name")" "$(cat "$sr/$1.d/description")" \
        "$(cat "$sr/$1.d/read_write")" "$(cat "$sr/$1.d/sharable")"
    printf '"virtual_size":%s,"physical_utilisation":%s,"uri":["%s://%s"],"keys":' \
        "$size" "$((blocks * 512))" "$scheme" "$sr/$1.raw"
    print_keys "$1"
    printf '}'
}

# make_volume NAME DESCRIPTION READ_WRITE SHARABLE: its key is in $made.
make_volume() {
    made=$(cat /proc/sys/kernel/random/uuid)
    mkdir -p "$sr/$made.d/keys"
    put "$sr/$made.d/name" "$1"
    put "$sr/$made.d/description" "$2"
    put "$sr/$made.d/read_write" "$3"
    put "$sr/$made.d/sharable" "$4"
}

# copy_volume READ_WRITE: a whole copy; your storage may have something faster.
copy_volume() {
    find_volume
    make_volume "$(cat "$sr/$key.d/name")" "$(cat "$sr/$key.d/description")" "$1" false
    cp --sparse=always --reflink=auto "$sr/$key.raw" "$sr/$made.raw"
    print_volume "$made"
    echo
}

# The name of the file that keeps a key: any text may be one.
key_file() {
    printf '%s/%s.d/keys/%s' "$sr" "$key" "$(printf '%s' "$(field k)" | sha256sum | cut -d ' ' -f 1)"
}

case $(basename "$0") in
    Plugin.Query)
        cat <<'EOF'
{
  "plugin": "@TYPE@",
  "name": "@TYPE@",
  "description": "Volumes are files in a directory",
  "vendor": "unknown",
  "copyright": "unknown",
  "version": "0.1",
  "required_api_version": "5.0",
  "features": ["SR_CREATE", "SR_ATTACH", "SR_DETACH", "SR_DELETE", "SR_SCAN", "SR_UPDATE", "VDI_CREATE", "VDI_DELETE", "VDI_UPDATE", "VDI_RESIZE", "VDI_SNAPSHOT", "VDI_CLONE"],
  "configuration": {"directory": "the directory that holds the volumes"},
  "required_cluster_stack": []
}
EOF
        ;;
    SR.create)
        sr=$(field directory)
        plain "$sr"
        mkdir -p "$sr"
        put "$sr/sr.uuid" "$(field uuid)"
        put "$sr/sr.name" "$(field name)"
        put "$sr/sr.description" "$(field description)"
        printf '{"directory":"%s"}\n' "$sr"
        ;;
    SR.attach)
        sr=$(field directory)
        plain "$sr"
        [ -f "$sr/sr.uuid" ] || fail SR_does_not_exist "$sr"
        printf '"%s"\n' "$sr"
        ;;
    SR.detach)
        echo null
        ;;
    SR.destroy)
        sr=$(field sr)
        [ -f "$sr/sr.uuid" ] || fail Sr_not_attached "$sr"
        for file in "$sr"/*.raw; do
            [ -f "$file" ] && rm -rf "$file" "${file%.raw}.d"
        done
        rm -f "$sr/sr.uuid" "$sr/sr.name" "$sr/sr.description"
        echo null
        ;;
    SR.stat)
        sr=$(field sr)
        [ -f "$sr/sr.uuid" ] || fail Sr_not_attached "$sr"
        free=$(($(stat -f -c '%a * %S' "$sr")))
        total=$(($(stat -f -c '%b * %S' "$sr")))
        printf '{"sr":"%s","uuid":"%s","name":"%s","description":"%s",' \
            "$sr" "$(cat "$sr/sr.uuid")" "$(cat "$sr/sr.name")" "$(cat "$sr/sr.description")"
        printf '"free_space":%s,"total_space":%s,"datasources":[],"clustered":false,"health":["Healthy",""]}\n' \
            "$free" "$total"
        ;;
    SR.set_name)
        put "$(field sr)/sr.name" "$(field new_name)"
        echo null
        ;;
    SR.set_description)
        put "$(field sr)/sr.description" "$(field new_description)"
        echo null
        ;;
    SR.ls)
        sr=$(field sr)
        separator=''
        printf '['
        for file in "$sr"/*.raw; do
            [ -f "$file" ] || continue
            printf '%s' "$separator"
            between=,
            print_volume "$(basename "$file" .raw)"
            separator=$between
        done
        printf ']\n'
        ;;
    Volume.create)
        sr=$(field sr)
        make_volume "$(field name)" "$(field description)" true "$(word sharable)"
        truncate -s "$(word size)" "$sr/$made.raw"
        print_volume "$made"
        echo
        ;;
    Volume.snapshot)
        copy_volume false
        ;;
    Volume.clone)
        copy_volume true
        ;;
    Volume.destroy)
        find_volume
        rm -rf "$sr/$key.raw" "$sr/$key.d"
        echo null
        ;;
    Volume.stat)
        find_volume
        print_volume "$key"
        echo
        ;;
    Volume.resize)
        find_volume
        # Never smaller.
        truncate -s ">$(word new_size)" "$sr/$key.raw"
        echo null
        ;;
    Volume.set_name)
        find_volume
        put "$sr/$key.d/name" "$(field new_name)"
        echo null
        ;;
    Volume.set_description)
        find_volume
        put "$sr/$key.d/description" "$(field new_description)"
        echo null
        ;;
    Volume.set)
        find_volume
        put "$(key_file)" "$(printf '%s\n%s' "$(field k)" "$(field v)")"
        echo null
        ;;
    Volume.unset)
        find_volume
        rm -f "$(key_file)"
        echo null
        ;;
    *)
        fail Unimplemented "$(basename "$0")"
        ;;
esac

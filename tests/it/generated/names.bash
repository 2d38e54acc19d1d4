
# Asks the program for accounts, keys and unique-ids. What it does not know is completed as above.
_mailpull_names() {
    local rest=$COMP_LINE word full="" IFS=$'\n'
    local -a words=()
    # Bash also splits words at characters such as = and @; they are put together again.
    for word in "${COMP_WORDS[@]:0:COMP_CWORD+1}"; do
        if [[ ${#words[@]} -gt 0 && -n $word && $rest == "$word"* ]]; then
            full+=$word
            words[${#words[@]}-1]=$full
        else
            full=$word
            words+=("$word")
        fi
        rest=${rest#*"$word"}
    done
    # Only $2 is replaced: what follows the last = or :, or begins with the last @.
    local before=${full%"$2"}
    COMPREPLY=()
    for word in $("${1/#\~/$HOME}" __complete -- "${words[@]:1}" 2>/dev/null); do
        word=${word#"$before"}
        [[ $word == *= ]] && compopt -o nospace 2>/dev/null
        printf -v word %q "$word"
        COMPREPLY+=("$word")
    done
    unset IFS
    [[ ${#COMPREPLY[@]} -gt 0 ]] || _mailpull "$@"
}
